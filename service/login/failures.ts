import type { ErrorRequestHandler, Request } from "express";
import { type Html, html, type Message, messagePage } from "../http/html.ts";
import type { EventLog } from "../process/eventLog.ts";
import { DEFAULT_RETURN_TO, signInLink } from "./returnTo.ts";

interface Failure extends Pick<Message, "title" | "text"> {
  /** info: normal use. warn: a possible attack. error: something is broken. */
  readonly level: keyof EventLog;
  readonly status: number;
  /** Retry-After in seconds. */
  readonly retryAfter?: number;
  /** Target of the page's link. Default: `again`. */
  readonly forward?: "again" | "otherAccount" | "home";
}

/** Reasons for failed sign-ins, and their error pages. */
const FAILURES = {
  not_set_up: {
    level: "warn",
    // Not 503, with which anybody could spend the error budget of a correctly configured service.
    status: 404,
    title: "Sign-in is not set up yet",
    text: ["No sign-in provider is configured, so nobody can sign in."],
    forward: "home",
  },
  /** The provider differs from the settings. */
  misconfigured: {
    level: "error",
    status: 502,
    title: "Sign-in is set up wrongly",
    text: [
      "The settings of this service do not match its sign-in provider. Trying again will not help.",
      "Tell whoever runs this service: its log has the setting and what the provider says.",
    ],
    forward: "home",
  },
  /** The request's Host header is invalid. */
  invalid_host: {
    level: "info",
    status: 400,
    title: "You can't sign in at this address",
    text: ["The host name that your browser sent is not valid."],
    forward: "home",
  },
  /** The callback belongs to no sign-in that this browser began in the last ten minutes. */
  unknown_attempt: {
    level: "info",
    status: 400,
    title: "This sign-in is over",
    text: [
      "It took longer than ten minutes, was used already, or was begun in another browser.",
      "If this happens again, your browser may be blocking cookies for this site.",
    ],
  },
  /** The callback does not match the sign-in. */
  forged_answer: {
    level: "warn",
    status: 400,
    title: "This sign-in is not valid",
    text: ["The provider's answer does not belong to the sign-in that this browser began."],
  },
  /** The code is used up or expired, even after a second attempt. */
  code_refused: {
    level: "warn",
    status: 400,
    title: "This sign-in is over",
    text: ["The provider no longer accepts it: it was used already, or it took too long."],
  },
  cancelled: {
    level: "info",
    status: 403,
    title: "You are not signed in",
    text: ["The sign-in was cancelled, or the provider did not allow it."],
  },
  /**
   * The browser came back with an error. Anybody can write one, so it is no fault of the service's.
   */
  error_reported: {
    level: "warn",
    status: 400,
    title: "The sign-in provider could not sign you in",
    text: [
      "It sent you back with an error, which has been logged. Try again in a moment.",
      "If that does not help, tell whoever runs this service.",
    ],
  },
  /** The provider can't be reached, or answers 5xx. */
  provider_unavailable: {
    level: "error",
    status: 503,
    retryAfter: 5,
    title: "The sign-in provider does not answer",
    text: ["This is a fault between this service and its provider. Try again in a moment."],
  },
  /** The provider refuses this service, or its tokens are not valid. */
  provider_error: {
    level: "error",
    status: 502,
    title: "The sign-in provider's answer can't be used",
    text: [
      "This is a fault between this service and its provider. It has been logged.",
      "If trying again does not help, tell whoever runs this service.",
    ],
  },
  email_missing: {
    level: "warn",
    status: 403,
    title: "Your account has no e-mail address",
    text: [
      "This service knows its users by e-mail address, and the provider sent none for this account.",
      "Add an e-mail address to the account, or use another account.",
    ],
    forward: "otherAccount",
  },
  email_unverified: {
    level: "warn",
    status: 403,
    title: "Your e-mail address is not verified",
    text: [
      "The provider says that the e-mail address of this account is not verified.",
      "Verify it there and sign in again, or use another account.",
    ],
    forward: "otherAccount",
  },
  email_unstated: {
    level: "error",
    status: 403,
    title: "It is not known whether your e-mail address is verified",
    text: [
      "The provider does not say whether the e-mail address of this account is verified.",
      "You can't change that. Tell whoever runs this service, or use another account.",
    ],
    forward: "otherAccount",
  },
  not_allowed: {
    level: "warn",
    status: 403,
    title: "This account may not sign in",
    text: [
      "The account exists, and it is not among those that may use this service.",
      "Use another account, or ask whoever runs this service to add yours.",
    ],
    forward: "otherAccount",
  },
} satisfies Record<string, Failure>;

export type FailureReason = keyof typeof FAILURES;

/** Details for the log. Never a code, token or secret, nor an object that could hold one. */
export type FailureDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** A failed sign-in, with a reason that is shown to the user. */
export class SignInError extends Error {
  override readonly name = "SignInError";
  readonly reason: FailureReason;
  readonly details: FailureDetails;

  constructor(reason: FailureReason, details: FailureDetails = {}) {
    super(`Sign-in failed: ${reason}`);
    this.reason = reason;
    this.details = details;
  }
}

export interface FailureDeps {
  readonly log: EventLog;
  /** The redirect URI to register; undefined if it is not known. */
  readonly redirectUri: (req: Request) => URL | undefined;
}

/**
 * Answers failed sign-ins with a page that says what happened and what to do, and logs the details;
 * passes on other errors. `res.locals.returnTo` is the path that the user wanted to go to.
 */
export function failureHandler({ log, redirectUri }: FailureDeps): ErrorRequestHandler {
  return (error, req, res, next) => {
    if (!(error instanceof SignInError)) {
      next(error);
      return;
    }
    const { reason, details, message } = error;
    const { trace, returnTo = DEFAULT_RETURN_TO } = res.locals;
    const { level, status, retryAfter, title, text, forward }: Failure = FAILURES[reason];
    log[level]({ event: "sign_in_failed", reason, ...details, ...trace }, message);
    if (retryAfter !== undefined) res.set("Retry-After", String(retryAfter));
    const more = reason === "not_set_up" ? setUp(redirectUri(req)) : [];
    const link = linkTo(forward, returnTo);
    res
      .status(status)
      .type("html")
      .send(messagePage({ title, text: [...text, ...more], link }));
  };
}

function linkTo(forward: Failure["forward"], returnTo: string) {
  if (forward === "home") return { href: "/", label: "Go to the start page" };
  return forward === "otherAccount"
    ? { href: signInLink(returnTo, { otherAccount: true }), label: "Use another account" }
    : { href: signInLink(returnTo), label: "Sign in again" };
}

function setUp(redirectUri: URL | undefined): Html[] {
  const settings = html`If you run it: register it with an OpenID Connect provider and set
<code>OIDC_ISSUER</code>, <code>OIDC_CLIENT_ID</code> and <code>OIDC_CLIENT_SECRET</code>; on Cloud
Run, they are <code>oidcIssuer</code>, <code>oidcClientId</code> and <code>oidcClientSecret</code> in
the stack&rsquo;s configuration.`;
  if (redirectUri === undefined) return [settings];
  return [settings, html`The redirect URI to register is <code>${redirectUri.href}</code>.`];
}
