import { type Html, html, type Message, messagePage } from "../http/html.ts";
import type { FailureReason } from "./failure.ts";
import { signInLink } from "./returnTo.ts";

/** What the page about a failure depends on. */
export interface FailureContext {
  /** Path that the visitor wanted to go to. */
  readonly returnTo: string;
  /** The service's callback, which providers ask for; undefined if it can't be told. */
  readonly redirectUri: string | undefined;
}

export interface FailurePage {
  readonly status: number;
  /** Seconds after which to try again. */
  readonly retryAfter?: number;
  readonly body: string;
}

interface Answer extends Pick<Message, "title" | "text"> {
  readonly status: number;
  readonly retryAfter?: number;
  /** What the link leads to; "again" if left out. */
  readonly forward?: "again" | "otherAccount" | "home";
}

/** What a visitor is told: what happened and the way forward, whatever the log knows besides. */
const ANSWERS: Record<FailureReason, Answer> = {
  not_set_up: {
    status: 503,
    title: "Sign-in is not set up yet",
    text: ["This service knows no sign-in provider, so nobody can sign in."],
    forward: "home",
  },
  invalid_host: {
    status: 400,
    title: "This address can't sign you in",
    text: ["The name under which your browser asked for this page is not a host name."],
    forward: "home",
  },
  unknown_attempt: {
    status: 400,
    title: "This sign-in is over",
    text: [
      "It took longer than ten minutes, was used already, or was begun in another browser.",
      "If this comes again, your browser may be blocking cookies for this site.",
    ],
  },
  forged_answer: {
    status: 400,
    title: "This sign-in does not add up",
    text: ["What came back is not the answer to what this browser asked, so it was not used."],
  },
  code_refused: {
    status: 400,
    title: "This sign-in is over",
    text: ["The provider no longer accepts it: it was used already, or it took too long."],
  },
  cancelled: {
    status: 403,
    title: "You are not signed in",
    text: ["The sign-in was cancelled, or the provider did not allow it."],
  },
  provider_unavailable: {
    status: 503,
    retryAfter: 5,
    title: "The sign-in provider does not answer",
    text: ["This is a fault between this service and its provider. Try again in a moment."],
  },
  provider_error: {
    status: 502,
    title: "The sign-in provider's answer can't be used",
    text: [
      "This is a fault between this service and its provider. It has been logged.",
      "If trying again does not help, tell whoever runs this service.",
    ],
  },
  email_unverified: {
    status: 403,
    title: "Your e-mail address is not verified",
    text: [
      "The provider does not confirm that the e-mail address of this account is yours.",
      "Verify it there and sign in again, or use another account.",
    ],
    forward: "otherAccount",
  },
  not_allowed: {
    status: 403,
    title: "This account may not sign in",
    text: [
      "The account exists, and it is not among those that may use this service.",
      "Use another account, or ask whoever runs this service to add yours.",
    ],
    forward: "otherAccount",
  },
};

/** The page about a failure. */
export function failurePage(reason: FailureReason, context: FailureContext): FailurePage {
  const { status, retryAfter, title, text, forward = "again" } = ANSWERS[reason];
  const more = reason === "not_set_up" ? setUp(context) : [];
  const body = messagePage({ title, text: [...text, ...more], link: linkTo(forward, context) });
  return { status, body, ...(retryAfter !== undefined && { retryAfter }) };
}

function linkTo(forward: Answer["forward"], { returnTo }: FailureContext) {
  if (forward === "home") return { href: "/", label: "Go to the start page" };
  const again = signInLink(returnTo);
  return forward === "otherAccount"
    ? { href: `${again}&prompt=select_account`, label: "Use another account" }
    : { href: again, label: "Sign in again" };
}

function setUp({ redirectUri }: FailureContext): Html[] {
  return [
    html`If you run it: register it with an OpenID Connect provider and set <code>OIDC_ISSUER</code>,
<code>OIDC_CLIENT_ID</code> and <code>OIDC_CLIENT_SECRET</code>; on Cloud Run, they are
<code>oidcIssuer</code>, <code>phoenix:oidcClientId</code> and
<code>oidcClientSecret</code> in the stack&rsquo;s configuration.`,
    ...(redirectUri === undefined
      ? []
      : [html`The redirect URI to register is <code>${redirectUri}</code>.`]),
  ];
}
