import { setTimeout as pause } from "node:timers/promises";
import { MAX_LIFETIME } from "../../../service/contract/serviceSettings.ts";
import { MAX_COOKIE_BYTES, sessionCookie } from "../../../service/session/cookie.ts";
import { duration } from "../duration.ts";
import {
  type Check,
  type CheckContext,
  check,
  count,
  deployed,
  type Fault,
  failed,
  judge,
  LOST,
  ok,
  sessionCheck,
  skipped,
  type Verdict,
  type Why,
} from "./check.ts";
import { type Answer, isCredential, isRemoval, keptFor, type SetCookie } from "./client.ts";
import { instancesOf, refusalsByInstance, type Session, tallies } from "./session.ts";
import { isLoopback, signIn } from "./signIn.ts";
import { forgeToken, tamperWith, tokenForm } from "./token.ts";

const LOOK_IN_LOG = "Look for the request in the service's log.";

const health = check("health", "health", async ({ client, url, live }) => {
  const ready = await client.ask(new URL("/health/ready", url));
  const { code } = ready.json;
  const reason = typeof code === "string" ? ` (${code})` : "";
  return judge(
    "live and ready",
    (live.status !== 200 || live.json.status !== "live") && [
      `GET /health/live: ${live.brief}`,
      "The liveness probe fails, and Cloud Run replaces instances that fail it.",
      "Look in the service's log for why.",
    ],
    (ready.status !== 200 || ready.json.status !== "ready") && [
      `GET /health/ready: ${ready.status || "no answer"}${reason}`,
      "An instance can't serve requests: most often SECRET_KEY can't be read, or is shorter than " +
        "32 characters.",
      "Let SECRET_KEY name a secret with an enabled version of at least 32 characters that the " +
        "service may read; its log says what is missing.",
    ],
  );
});

/** Sign-in leads to a provider, and succeeds if this command can complete it. */
const wayIn = check("sign-in", "sign-in", ({ signIn }) => {
  if (signIn.outcome === "signed_in") return ok("at the local provider");
  if (signIn.outcome === "elsewhere") return ok(`leads to ${signIn.provider}`);
  const { step, answer } = signIn;
  if (step === "login") return failed(`GET /login: ${answer.brief}`, ...whyNoSignIn(answer));
  if (step === "provider") {
    return failed(
      `the provider: ${answer.brief}`,
      "The provider refuses the service: most often its client or redirect URI is not registered.",
      "Compare OIDC_CLIENT_ID and the site's /login/callback with what is registered there.",
    );
  }
  return failed(
    `GET /login/callback: ${answer.brief}${answer.status === 303 ? ", but no session cookie" : ""}`,
    "The service can't complete the sign-in.",
    "Look for sign_in_failed in the service's log: it gives the reason (clock, client secret, " +
      "allowed users). If there is none, it says why the cookie could not be written.",
  );
});

function whyNoSignIn({ status, code }: Answer): Why {
  if (code === "https_required") return SECURE_OVER_HTTP;
  if (code === "keys_unavailable") return KEYS_UNAVAILABLE;
  if (status === 404) {
    return [
      "Sign-in is not set up: the service knows no provider.",
      "Register the site with an OpenID Connect provider. Then " +
        "`npx pulumi config set --stack STACK oidcIssuer ISSUER`, " +
        "`npx pulumi config set --stack STACK --secret oidcClientSecret` and " +
        `${deployed("oidcClientId", "ID")}.`,
    ];
  }
  if (status === 503) {
    return [
      "The sign-in provider does not answer the service.",
      "Look whether OIDC_ISSUER is right and whether the service can reach it; then try again.",
    ];
  }
  return [
    "The service does not redirect to the sign-in provider.",
    "Look for sign_in_failed in the service's log: it gives the reason.",
  ];
}

const SECURE_OVER_HTTP: Why = [
  "SESSION_COOKIE_SECURE is true, and over http browsers keep no such cookie.",
  "Open the site over https. On a laptop without https, leave SESSION_COOKIE_SECURE unset.",
];

export const REQUESTS_FAILED: Why = [
  "Requests failed in the service or on the way to it.",
  "Look for errors of the last minutes in the service's log, or allow more time with --timeout.",
];

const KEYS_UNAVAILABLE: Why = [
  "The keys that seal sessions can't be read.",
  "Look in the log for why: Secret Manager does not answer, the service may not read the secret " +
    "(roles/secretmanager.secretAccessor and viewer), or no version of SECRET_KEY is enabled.",
];

const NOTHING_THERE: Why = [
  "The application has nothing at this path.",
  "Name another one with --page or --api.",
];

const DOES_NOT_OPEN: Why = ["It does not open, though the session is there.", LOOK_IN_LOG];

const page = sessionCheck("page", "page", "held", async ({ page, session }) => {
  const answer = await session.ask(page, { headers: { accept: "text/html" } });
  if (session.lost) return skipped(LOST);
  if (answer.status !== 200 || answer.mediaType !== "text/html") {
    return failed(
      `GET ${page}: ${answer.brief} ${answer.mediaType}`,
      ...(answer.status === 404 ? NOTHING_THERE : DOES_NOT_OPEN),
    );
  }
  return answer.csrfToken === undefined
    ? failed(
        "the page has no CSRF token",
        "Nothing can be saved from the page, and nobody can sign out.",
        "Make the page with signedInPage (service/http/signedInPage.ts).",
      )
    : ok(`${page} opens`);
});

/** Sent even if enough instances answer sooner, so that each is asked several times. */
const LEAST_REQUESTS = 60;
/** How many instances to try to reach without --instances. */
const WANTED_INSTANCES = 3;

/** Sends concurrent requests until enough instances have answered. */
const api = sessionCheck("api", "API", "held", async (context) => {
  const { client, api, session, requests, instances = WANTED_INSTANCES, progress } = context;
  await client.load(
    requests,
    async (turn) => {
      await session.ask(api);
      const met = count(instancesOf(session.uses).length, "instance");
      progress(`asking the API: ${count(turn + 1, "request")}, answers from ${met}`);
    },
    (turns) => turns >= LEAST_REQUESTS && instancesOf(session.uses).length >= instances,
  );
  if (session.lost) return skipped(LOST);
  const odd = session.uses.filter(
    (use) => use.url.pathname === api && use.status !== 200 && !use.isFailure,
  );
  return odd.length === 0
    ? ok(`${api} answers`)
    : failed(
        `GET ${api}: ${[...new Set(odd.map(({ brief }) => brief))].join(", ")}`,
        ...(odd.every(({ status }) => status === 404) ? NOTHING_THERE : DOES_NOT_OPEN),
      );
});

const sessions = sessionCheck("sessions", "sessions", "held", (context) => {
  const { session } = context;
  const { uses } = session;
  if (!session.lost) return ok(`${count(uses.length, "request")} that need one, none refused`);
  const refused = uses.filter(({ isRefusal }) => isRefusal);
  const codes = [...new Set(refused.flatMap(({ code }) => code ?? []))].join(", ");
  return failed(
    `${refused.length} of ${count(uses.length, "request")} refused${codes && ` (${codes})`}; ` +
      `by instance: ${refusalsByInstance(uses)}`,
    ...whyLost(context.session),
  );
});

function whyLost({ source, cookie, uses }: Session): Why {
  if (tokenForm(cookie.value).form === "file") return IN_FILES;
  if (uses.every(({ isRefusal }) => isRefusal)) return OPENS_NOWHERE[source];
  return (
    whyInstancesDiffer(uses) ?? [
      "The same instances accepted the session and refused it: it ended while it was used, or its " +
        "key was disabled.",
      `Look at PERMANENT_SESSION_LIFETIME, and ${SESSION_IN_LOG}`,
    ]
  );
}

export const IN_FILES: Why = [
  "SESSION_TYPE=filesystem keeps a session in a file of one instance, so all others refuse it, " +
    "and it ends with a deployment.",
  "Leave SESSION_TYPE unset: sessions then travel in sealed cookies, which every instance can open.",
];

/** Undefined unless some instances accepted every request with the session and others none. */
export function whyInstancesDiffer(uses: readonly Answer[]): Why | undefined {
  const accepting = tallies(uses).filter(({ requests, refused }) => refused < requests);
  if (accepting.length === 0 || accepting.some(({ refused }) => refused > 0)) return undefined;
  const names = accepting.map(({ instance }) => instance).join(", ");
  return [
    `The instances don't share one SECRET_KEY: only ${names} can open the session.`,
    "If a deployment is under way, wait for it to end and verify again. Otherwise let every " +
      "instance read the same secret (SECRET_KEY=sm://PROJECT/SECRET).",
  ];
}

const SESSION_IN_LOG =
  "look at what became of the session in the log: each line says it in one word (expired, " +
  "tampered, unknown_key, retired_key).";

const OPENS_NOWHERE: Record<Session["source"], Why> = {
  pasted: [
    "The session that you gave opens nowhere: it has ended, belongs to another environment, or " +
      "was cut off when it was copied.",
    "Sign in again with a browser and copy the whole value of the cookie.",
  ],
  saved: [
    "The session from before opens nowhere any more.",
    "See session from before. Give a new session in PHOENIX_SESSION to check the rest.",
  ],
  made: [
    "No instance opens the cookie that the sign-in has just set.",
    `To see why, ${SESSION_IN_LOG}`,
  ],
};

/** Several instances answered. One instance alone shows nothing about sharing keys. */
const instances = sessionCheck("instances", "instances", "held", (context) => {
  const { session, instances: wanted } = context;
  const met = tallies(session.uses.filter(({ instance }) => instance !== undefined));
  if (met.length === 0) {
    return failed(
      "no answer named its instance",
      "The header X-Instance is missing, so nobody can tell which instance answers.",
      "Let the header pass through whatever stands before the service.",
    );
  }
  const names = met.map(({ instance, requests }) => `${instance} (${requests})`).join(", ");
  const seen = `${met.length} answered: ${names}`;
  if (wanted === undefined) {
    return met.length > 1
      ? ok(seen)
      : skipped(
          `only ${met[0]?.instance} answered, which shows nothing of sessions between instances; ` +
            "try --requests 2000",
        );
  }
  return met.length >= wanted
    ? ok(seen)
    : failed(
        seen,
        `Fewer than ${count(wanted, "instance")} run, or the load was too small to need them.`,
        "Raise --requests, which also sends more at a time, or keep so many running: " +
          `${deployed("minInstances", wanted)}.`,
      );
});

const serverErrors = sessionCheck("server-errors", "server errors", "held", ({ session }) => {
  const faults = session.uses.filter(({ isFailure }) => isFailure);
  if (faults.length === 0) return ok("none");
  const kinds = Map.groupBy(faults, ({ brief }) => brief);
  return failed(
    [...kinds].map(([kind, own]) => `${own.length} x ${kind}`).join(", "),
    ...(faults.some(({ code }) => code === "keys_unavailable")
      ? KEYS_UNAVAILABLE
      : REQUESTS_FAILED),
  );
});

/** Seconds within which every instance refuses a session that ended, and one more for its call. */
const SIGN_OUT_BOUND = 21;

/** Copies of the cookie that are sent at a time, to meet several instances, and the pause after. */
const COPIES = 12;
const COPIES_PAUSE = 250;

/**
 * Sends a copy of the cookie of a session that was signed out of, until each of the instances has
 * refused it or the bound is over.
 *
 * @returns when each instance refused it first, in seconds; undefined if it accepted it to the end
 */
async function refusals(
  { client, url, api, progress }: CheckContext,
  cookie: string | undefined,
  instances: readonly string[],
): Promise<Map<string, number | undefined>> {
  const signedOutAt = client.now();
  const refused = new Map<string, number | undefined>();
  for (;;) {
    const asked = client.now() - signedOutAt;
    const copies = Array.from({ length: COPIES }, () => client.ask(new URL(api, url), { cookie }));
    for (const { instance = "(no name)", status } of await Promise.all(copies)) {
      if (status === 200) refused.set(instance, undefined);
      if (status === 401 && refused.get(instance) === undefined) refused.set(instance, asked);
    }
    const all = [...instances, ...refused.keys()];
    if (asked > SIGN_OUT_BOUND || all.every((name) => refused.get(name) !== undefined)) {
      return refused;
    }
    progress("waiting until every instance refuses a copy of the cookie");
    await pause(COPIES_PAUSE);
  }
}

/**
 * Signing out ends the session: what the browser holds, and copies of it at every instance. The
 * session is this check's own: nobody is signed out of theirs.
 */
const logout = sessionCheck("logout", "sign-out", "intact", async (context) => {
  const { client, url, page, api, session, dependent } = context;
  if (session.source !== "made") {
    return skipped("it would end your session; only one that this command made is ended");
  }
  if (context.signedOut.api.status !== 401) return skipped(OPEN_API);
  const again = await signIn(client, url, true);
  if (again.outcome !== "signed_in") return skipped("a second sign-in was refused");
  const { visitor } = again;
  const { csrfToken } = await visitor.ask(new URL(page, url));
  if (csrfToken === undefined) return skipped(`${page} did not open, so there is no form`);
  const copy = visitor.cookies(url);
  const form = new URLSearchParams({ _csrf: csrfToken });
  const answer = await visitor.ask(new URL("/logout", url), form);
  dependent.push(answer);
  const after = await visitor.ask(new URL(api, url));
  const cleared = answer.setCookies.some(
    (cookie) => isCredential(cookie.name) && isRemoval(cookie, client.now()),
  );
  const works = answer.status === 303 && cleared && after.status === 401;
  const copies = works
    ? [...(await refusals(context, copy, instancesOf(session.uses)))].toSorted()
    : [];
  const accepting = copies.flatMap(([name, time]) => (time === undefined ? [name] : []));
  const times = copies.map(([name, time = 0]) => `${name} after ${Math.round(time)} s`);
  return judge(
    `clears the cookie; copies are refused: ${times.join(", ")}`,
    accepting.length > 0 && [
      `a copy of the cookie still works at ${accepting.join(", ")}`,
      "Instances don't learn of each other's sign-outs.",
      "Look in the service's log for ended_list_stale. Without ENDED_SESSIONS=gs://BUCKET an " +
        "instance knows only of its own; `npx pulumi up --stack STACK` sets it.",
    ],
    (answer.status !== 303 || !cleared) && [
      `POST /logout: ${answer.brief}, cookie ${cleared ? "cleared" : "not cleared"}`,
      "Signing out does not make the browser forget the session.",
      "Look for POST /logout in the service's log.",
    ],
    after.status !== 401 && [
      `GET ${api} afterwards: ${after.brief}`,
      "After signing out, the browser is still let in.",
      "Let the sign-out clear the session's cookie under the name that it was set with.",
    ],
  );
});

/** POST requests without the right CSRF token are refused, and those with it are not. */
const csrf = sessionCheck("csrf", "CSRF", "intact", async ({ page, api, session }) => {
  const { csrfToken } = session;
  if (csrfToken === undefined) return skipped(`${page} has no CSRF token`);
  const post = (path: string, headers = {}) => session.ask(path, { method: "POST", headers });
  const without = await post(api);
  // As long as a real token.
  const wrong = await post(api, { "x-csrf-token": "A".repeat(43) });
  // A path without a route, so that nothing is changed.
  const right = await post("/api/verify", { "x-csrf-token": csrfToken });
  const open = (what: string, { status, brief }: Answer): Fault | false =>
    status !== 403 && [
      `POST ${api} ${what}: ${brief}`,
      "Requests that other sites can make are not refused.",
      "Put csrfProtection before every route that changes something.",
    ];
  return judge(
    "needs the right token",
    open("without a token", without),
    open("with a wrong token", wrong),
    right.status !== 404 && [
      `POST /api/verify with the right token: ${right.brief}, not 404`,
      "Users can't change anything: the page's token is refused.",
      LOOK_IN_LOG,
    ],
  );
});

/** Why a check is skipped that recognizes an ended or forged session by the API's 401. */
const OPEN_API = "the API does not answer 401 without a session: see 401 answers";

const unauthorized = check("unauthorized", "401 answers", ({ api, signedOut }) => {
  const { status, mediaType, code, json } = signedOut.api;
  const seen = `GET ${api} without a session: ${status} ${mediaType || "without a type"}`;
  if (status === 404) return failed(seen, ...NOTHING_THERE);
  if (status !== 401) {
    return failed(
      seen,
      "The API does not ask for a session.",
      "Put requireSignIn before every route of the API.",
    );
  }
  return mediaType === "application/problem+json" && json.status === 401 && code
    ? ok(`problem document, code ${code}`)
    : failed(
        `${seen}${code ? "" : ", no code"}`,
        "The answer is no problem document (RFC 9457) with status and code, which programs need.",
        "Answer with sendProblem, and let what stands before the service pass it on unchanged.",
      );
});

const pageRedirect = check("page-redirect", "way to sign in", ({ page, url, signedOut }) => {
  const { status, location } = signedOut.page;
  const seen = `GET ${page} without a session: ${status}`;
  if (status === 404) return failed(seen, ...NOTHING_THERE);
  const right =
    location?.origin === url.origin &&
    location.pathname === "/login" &&
    location.searchParams.get("returnTo") === page;
  return right
    ? ok(`from ${page} and back to it`)
    : failed(
        seen + (location ? `, to ${location.origin}${location.pathname}` : ""),
        "Pages don't send people without a session to sign in and back.",
        "Put requireSignIn before every page that needs a session.",
      );
});

const forgeries = check("forgeries", "forged cookies", async (context) => {
  const { client, url, https, api, session, random, signedOut } = context;
  if (signedOut.api.status !== 401) return skipped(OPEN_API);
  const { name, value } = session?.cookie ?? { name: sessionCookie(https).name, value: "" };
  const form = tokenForm(value);
  const cookies = {
    "a cookie of nonsense": "not-a-session",
    // With the ID of a key that should exist.
    "a forged cookie": forgeToken(form.form === "sealed" ? form.kid : "1", random),
    "a tampered cookie": tamperWith(value),
  };
  const faults: Fault[] = [];
  for (const [what, forged] of Object.entries(cookies)) {
    if (forged === undefined) continue;
    const answer = await client.ask(new URL(api, url), { cookie: `${name}=${forged}` });
    if (answer.isFailure) {
      faults.push([
        `${what}: ${answer.brief}`,
        "A cookie that does not open is taken for a fault of the service.",
        "Take it for no session. Look for the error in the service's log.",
      ]);
    } else if (answer.status !== 401) {
      faults.push([
        `${what}: ${answer.brief}`,
        "A cookie that the service did not make is accepted.",
        "Close the site until sessions are checked by their seal again.",
      ]);
    } else if (answer.setCookies.some((cookie) => isCredential(cookie.name))) {
      faults.push([
        `${what}: 401 and a cookie`,
        "Clearing a cookie that does not open can come in late, and end the session that somebody " +
          "has just signed in for.",
        "Leave the cookie where it is: the next sign-in replaces it.",
      ]);
    }
  }
  return judge("each 401 and no cookie touched", ...faults);
});

const sessionCookies = sessionCheck(
  "session-cookie",
  "session cookie",
  "held",
  ({ session, https }) => judgeCookies(session.setCookies, https),
);

const signInCookie = check("sign-in-cookie", "sign-in cookie", ({ signIn: { login }, https }) =>
  login.location === undefined
    ? skipped("the sign-in did not begin")
    : judgeCookies(login.setCookies, https),
);

function judgeCookies(cookies: readonly SetCookie[], https: boolean): Verdict {
  const [first] = cookies;
  if (first === undefined) return skipped("no answer set it");
  const { name, attributes } = first;
  const shown = [
    attributes.has("httponly") && "HttpOnly",
    `SameSite=${attributes.get("samesite")}`,
    `Path=${attributes.get("path")}`,
    attributes.has("secure") && "Secure",
  ];
  return judge(
    `${name}: ${shown.filter(Boolean).join(", ")}`,
    ...cookies.flatMap((cookie) => cookieFaults(cookie, https)),
  );
}

function cookieFaults({ name, attributes }: SetCookie, https: boolean): (Fault | false)[] {
  const secure = attributes.has("secure");
  return [
    !attributes.has("httponly") && [
      `${name} has no HttpOnly`,
      "Scripts in the page can read the cookie, and so can whoever gets one into it.",
      "Set the cookie with httpOnly: true.",
    ],
    !/^(lax|strict)$/i.test(attributes.get("samesite") ?? "") && [
      `${name} has no SameSite=Lax`,
      "Browsers send the cookie with requests that other sites make.",
      'Set the cookie with sameSite: "lax".',
    ],
    (attributes.get("path") !== "/" || attributes.has("domain")) && [
      `${name} is not for / and this host alone`,
      "With another Path or with a Domain, pages lack it or other hosts get it.",
      'Set the cookie with path: "/" and without a domain.',
    ],
    https &&
      !(secure && name.startsWith("__Host-")) && [
        secure ? `${name} has no prefix __Host-` : `${name} has no Secure`,
        "SESSION_COOKIE_SECURE is not true, so the cookie also goes over http.",
        `Set SESSION_COOKIE_SECURE=true: ${deployed("sessionCookieSecure", true)}.`,
      ],
    !https &&
      (secure || name.startsWith("__")) && [
        `${name} has Secure, and the site is http`,
        ...SECURE_OVER_HTTP,
      ],
  ];
}

/** The cookies are not larger than browsers keep. Browsers silently drop larger ones. */
const cookieSize = sessionCheck("cookie-size", "cookie size", "held", ({ session }) => {
  const bytes = Math.max(0, ...session.setCookies.map((cookie) => cookie.bytes));
  if (bytes === 0) return skipped("no answer set it");
  const seen = `${bytes} of ${MAX_COOKIE_BYTES} bytes`;
  return bytes <= MAX_COOKIE_BYTES
    ? ok(seen)
    : failed(
        seen,
        `Browsers drop a cookie of more than ${MAX_COOKIE_BYTES} bytes, so nobody stays signed in.`,
        "Keep less in the session: of large things, an identifier.",
      );
});

const SHORTEST_LIFETIME = 3_600;
const SEVEN_DAYS = 604_800;

/** Seconds from sign-in until the session ends; undefined without a sign-in or an expiry. */
export function lifetimeSeen({ signIn, client }: Pick<CheckContext, "signIn" | "client">) {
  return signIn.outcome === "signed_in" ? keptFor(signIn.cookie, client.now()) : undefined;
}

/** The session lifetime is between an hour and what browsers allow. */
const lifetime = check("lifetime", "session lifetime", (context) => {
  if (context.signIn.outcome !== "signed_in") {
    return skipped("only a new sign-in shows it, and none was made here");
  }
  const seconds = lifetimeSeen(context);
  if (seconds === undefined) {
    return failed(
      "the cookie has neither Max-Age nor Expires",
      "The session ends when the browser is closed.",
      "Set the cookie with PERMANENT_SESSION_LIFETIME as its Max-Age.",
    );
  }
  if (seconds < SHORTEST_LIFETIME) {
    return failed(
      `${seconds} s`,
      "Sessions expire too quickly: PERMANENT_SESSION_LIFETIME is short.",
      `Raise it, such as to seven days: ${deployed("sessionLifetime", SEVEN_DAYS)}.`,
    );
  }
  return seconds <= MAX_LIFETIME
    ? ok(duration(seconds))
    : failed(
        duration(seconds),
        "Sessions last longer than browsers keep any cookie (400 days).",
        `Lower PERMANENT_SESSION_LIFETIME: ${deployed("sessionLifetime", MAX_LIFETIME)}.`,
      );
});

const caching = check("caching", "caching", ({ dependent, session }) => {
  const answers = [...dependent, ...(session?.uses ?? [])].filter(({ isFailure }) => !isFailure);
  const kinds = Map.groupBy(
    answers,
    (each) => `${each.method} ${each.url.pathname} (${each.status})`,
  );
  const kept = [...kinds].filter(([, own]) => !own.every(({ isNotStored }) => isNotStored));
  return kept.length === 0
    ? ok(`no-store on ${count(kinds.size, "kind")} of answers`)
    : failed(
        `no no-store on ${kept.map(([kind]) => kind).join(", ")}`,
        "A cache may keep what one user sees and show it to another, or after signing out.",
        "Set Cache-Control: no-store on every answer that depends on the session.",
      );
});

const IN_APP = "securityHeaders in service/app.ts";

/** Answers whose headers are checked: one for each kind of page, and one of the API. */
function answersOf({ home, page, signIn, signedOut, session }: CheckContext): Answer[] {
  const isPage = ({ status, url }: Answer) => status === 200 && url.pathname === page;
  const answers = [home, session?.uses.find(isPage) ?? [], signedOut.api, signIn.login];
  return answers.flat().filter(({ status }) => status !== 0);
}

const contentSecurityPolicy = check("content-security-policy", "content security", (context) => {
  const faults = answersOf(context)
    .filter(({ mediaType }) => mediaType === "text/html")
    .flatMap(({ url, headers }) =>
      policyFaults(url.pathname, headers.get("content-security-policy")),
    );
  return judge("own scripts and styles only, no frames", ...faults);
});

function policyFaults(path: string, header: string | null): (Fault | false)[] {
  if (header === null) {
    const seen = `${path} has no Content-Security-Policy`;
    const cause = "Whatever gets into a page can run scripts in it.";
    return [[seen, cause, `Let every answer carry the policy: ${IN_APP}.`]];
  }
  // Content Security Policy Level 3, 2.2.1: the first directive of a name counts.
  const directives = header.toLowerCase().split(";").toReversed();
  const policy = new Map(
    directives.map((part): [string, string[]] => {
      const [name = "", ...sources] = part.trim().split(/\s+/);
      return [name, sources];
    }),
  );
  const open = (kind: string): Fault | false => {
    const sources = policy.get(kind) ?? policy.get("default-src") ?? ["*"];
    const allowed = sources.filter((source) =>
      /^('unsafe-(inline|eval)'|\*|https?:|data:)$/.test(source),
    );
    return (
      allowed.length > 0 && [
        `${path}: ${kind} allows ${allowed.join(" ")}`,
        "What somebody gets into a page can run there, or change what it looks like.",
        `Allow 'self' alone: ${IN_APP}.`,
      ]
    );
  };
  const ancestors = policy.get("frame-ancestors")?.join(" ") ?? "";
  return [
    open("script-src"),
    open("style-src"),
    !/^'(none|self)'$/.test(ancestors) && [
      `${path}: no frame-ancestors 'none'`,
      "Other sites can put the page into a frame and catch clicks.",
      `Set frame-ancestors to 'none': ${IN_APP}.`,
    ],
  ];
}

const SAFE_REFERRERS =
  /^(no-referrer|same-origin|strict-origin|strict-origin-when-cross-origin|origin-when-cross-origin)$/;

const plainHeaders = check("headers", "other headers", (context) => {
  const faults = answersOf(context).flatMap(({ url, headers }): (Fault | false)[] => {
    const path = url.pathname;
    // Of several policies, browsers take the last one that they know.
    const referrers = (headers.get("referrer-policy") ?? "").split(",").at(-1)?.trim() ?? "";
    return [
      headers.get("x-content-type-options")?.toLowerCase() !== "nosniff" && [
        `${path} has no nosniff`,
        "Browsers may take an answer for something that it isn't, such as a script.",
        `Send X-Content-Type-Options: nosniff: ${IN_APP}.`,
      ],
      !SAFE_REFERRERS.test(referrers) && [
        `${path} has no safe Referrer-Policy`,
        "Other sites may learn addresses with what stands in them.",
        `Send Referrer-Policy: same-origin: ${IN_APP}.`,
      ],
      headers.has("x-powered-by") && [
        `${path} tells X-Powered-By`,
        "Everyone is told what the service is made with.",
        'Keep it out: app.disable("x-powered-by").',
      ],
    ];
  });
  return judge("nosniff, referrer policy, no X-Powered-By", ...faults);
});

/** Half a year in seconds. https://hstspreload.org asks for a whole one. */
const MIN_HSTS = 15_552_000;

const strictTransport = check("strict-transport", "HSTS", ({ https, home }) => {
  if (!https) return skipped("the site is at an http address");
  const header = home.headers.get("strict-transport-security") ?? "";
  const seconds = Number(/(?:^|;)\s*max-age="?(\d+)"?/i.exec(header)?.[1] ?? 0);
  return seconds >= MIN_HSTS
    ? ok(duration(seconds))
    : failed(
        seconds === 0 ? "no Strict-Transport-Security" : `only ${duration(seconds)}`,
        "Browsers may ask over http first, where somebody in between can answer.",
        "Send it for half a year or more, as the service does with SESSION_COOKIE_SECURE=true.",
      );
});

const httpsOnly = check("https", "https", async ({ client, url, https }) => {
  if (!https && isLoopback(url)) return skipped("the site is on this machine, over http");
  if (!https) {
    return failed(
      "the site is open over http",
      "Whoever is in between can read sessions and become their users.",
      "Use the https address of the site: Cloud Run gives it one. Let http lead there.",
    );
  }
  if (url.port !== "") return skipped("no http port goes with a port of its own");
  const { status, location } = await client.ask(new URL(`http://${url.host}/`));
  if (status === 0) return ok("http is closed");
  return location?.protocol === "https:" && location.hostname === url.hostname
    ? ok("http leads to https")
    : failed(
        `http answers ${status}`,
        "The site also answers over http, and does not lead to https.",
        "Let what stands before the service redirect http to https, or close it.",
      );
});

/** Clock skew in seconds that does no harm. */
const MAX_SKEW = 30;

/** The server's clock is right. Lifetimes of sessions and signed URLs depend on it. */
const clock = check("clock", "clock", ({ client: { skew } }) => {
  if (skew === undefined) return skipped("no answer had a Date header");
  const seconds = Math.round(Math.abs(skew.seconds));
  if (seconds <= 1) return ok("as here");
  const seen = `${seconds} s ${skew.seconds > 0 ? "ahead of" : "behind"} this machine`;
  return seconds <= MAX_SKEW
    ? ok(seen)
    : failed(
        `${seen}${skew.instance === undefined ? "" : ` (${skew.instance})`}`,
        "The clocks differ. If the server's is wrong, sessions and sign-ins end early or late.",
        "Find out which one is wrong, and let it follow a time server.",
      );
});

/** The platform's checks that run before the application's, in order. */
export const FIRST: readonly Check[] = [health, wayIn, page, api];

/** The platform's checks that run after them; some judge all requests so far. */
export const LAST: readonly Check[] = [
  csrf,
  logout,
  sessions,
  instances,
  serverErrors,
  unauthorized,
  pageRedirect,
  forgeries,
  sessionCookies,
  signInCookie,
  cookieSize,
  lifetime,
  caching,
  contentSecurityPolicy,
  plainHeaders,
  strictTransport,
  httpsOnly,
  clock,
];
