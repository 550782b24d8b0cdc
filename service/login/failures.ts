import { type Html, html, type Message, messagePage } from "../http/html.ts";
import type { EventLog } from "../process/eventLog.ts";
import { signInLink } from "./returnTo.ts";

/** Why a sign-in failed. */
export type FailureReason =
  /** No provider is set. */
  | "not_set_up"
  /** The provider is not the one that the settings describe. */
  | "misconfigured"
  /** The request's Host header is no host. */
  | "invalid_host"
  /** The callback belongs to no sign-in that this browser began in the last ten minutes. */
  | "unknown_attempt"
  /** The callback is not the answer to what was asked. */
  | "forged_answer"
  /** The code is used up or has expired, also after one more try. */
  | "code_refused"
  | "cancelled"
  /** The browser came back with an error. Anybody can write one, so it is no fault of the service's. */
  | "error_reported"
  /** The provider can't be reached, or says that it has a fault. */
  | "provider_unavailable"
  /** The provider refuses this service, or its tokens are not valid. */
  | "provider_error"
  /** The account has no e-mail address, or one that can't be one. */
  | "email_missing"
  /** The provider says that the address is not verified. */
  | "email_unverified"
  /** The provider does not say whether the address is verified. */
  | "email_unstated"
  | "not_allowed";

/** Details for the log. Never a code, token or secret, nor an object that could hold one. */
export type FailureDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** A sign-in that failed for a reason that the user is told. */
export class SignInError extends Error {
  readonly reason: FailureReason;
  readonly details: FailureDetails;

  constructor(reason: FailureReason, details: FailureDetails = {}) {
    super(`Sign-in failed: ${reason}`);
    this.name = new.target.name;
    this.reason = reason;
    this.details = details;
  }
}

/** What the page about a failure depends on. */
export interface FailureContext {
  /** Path that the user wanted to go to. */
  readonly returnTo: string;
  /** The redirect URI to register; undefined if it is not known. */
  readonly redirectUri: string | undefined;
}

export interface FailurePage {
  readonly status: number;
  /** Seconds after which to try again. */
  readonly retryAfter?: number;
  readonly body: string;
}

interface Failure extends Pick<Message, "title" | "text"> {
  /** info: users do that. warn: somebody may be trying something. error: something is broken. */
  readonly level: keyof EventLog;
  readonly status: number;
  readonly retryAfter?: number;
  /** Target of the page's link. Default: `again`. */
  readonly forward?: "again" | "otherAccount" | "home";
}

const FAILURES: Record<FailureReason, Failure> = {
  not_set_up: {
    level: "warn",
    status: 503,
    title: "Sign-in is not set up yet",
    text: ["No sign-in provider is configured, so nobody can sign in."],
    forward: "home",
  },
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
  invalid_host: {
    level: "info",
    status: 400,
    title: "You can't sign in at this address",
    text: ["The host name that your browser sent is not valid."],
    forward: "home",
  },
  unknown_attempt: {
    level: "info",
    status: 400,
    title: "This sign-in is over",
    text: [
      "It took longer than ten minutes, was used already, or was begun in another browser.",
      "If this comes again, your browser may be blocking cookies for this site.",
    ],
  },
  forged_answer: {
    level: "warn",
    status: 400,
    title: "This sign-in is not valid",
    text: ["What came back does not answer what this browser asked for, so it was not used."],
  },
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
  error_reported: {
    level: "warn",
    status: 400,
    title: "The sign-in provider could not sign you in",
    text: [
      "It sent you back with an error, which has been logged. Try again in a moment.",
      "If that does not help, tell whoever runs this service.",
    ],
  },
  provider_unavailable: {
    level: "error",
    status: 503,
    retryAfter: 5,
    title: "The sign-in provider does not answer",
    text: ["This is a fault between this service and its provider. Try again in a moment."],
  },
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
};

/** The level at which a failure is logged. */
export function levelOf(reason: FailureReason): keyof EventLog {
  return FAILURES[reason].level;
}

/** The page about a failure: what happened and what to do. Details are in the log only. */
export function failurePage(reason: FailureReason, context: FailureContext): FailurePage {
  const { status, retryAfter, title, text, forward = "again" } = FAILURES[reason];
  const more = reason === "not_set_up" ? setUp(context) : [];
  const body = messagePage({ title, text: [...text, ...more], link: linkTo(forward, context) });
  return { status, body, ...(retryAfter !== undefined && { retryAfter }) };
}

function linkTo(forward: Failure["forward"], { returnTo }: FailureContext) {
  if (forward === "home") return { href: "/", label: "Go to the start page" };
  return forward === "otherAccount"
    ? { href: signInLink(returnTo, { otherAccount: true }), label: "Use another account" }
    : { href: signInLink(returnTo), label: "Sign in again" };
}

function setUp({ redirectUri }: FailureContext): Html[] {
  return [
    html`If you run it: register it with an OpenID Connect provider and set <code>OIDC_ISSUER</code>,
<code>OIDC_CLIENT_ID</code> and <code>OIDC_CLIENT_SECRET</code>; on Cloud Run, they are
<code>oidcIssuer</code>, <code>oidcClientId</code> and
<code>oidcClientSecret</code> in the stack&rsquo;s configuration.`,
    ...(redirectUri === undefined
      ? []
      : [html`The redirect URI to register is <code>${redirectUri}</code>.`]),
  ];
}
