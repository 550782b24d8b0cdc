import { type FileHandle, open, rm, writeFile } from "node:fs/promises";
import { OperatorError } from "../../../service/contract/errors.ts";
import { VERSION_NUMBER } from "../../../service/google/secretVersions.ts";
import { asObject, parseObject } from "../../../service/pure/json.ts";
import { sessionCookie } from "../../../service/session/cookie.ts";
import { UsageError } from "../commandLine.ts";
import { duration } from "../duration.ts";
import {
  type Check,
  type CheckContext,
  check,
  count,
  deployed,
  failed,
  ok,
  skipped,
  type Verdict,
  type Why,
} from "./check.ts";
import { IN_FILES, lifetimeSeen, whyInstancesDiffer } from "./checks.ts";
import { isCredential } from "./client.ts";
import { type HeldCookie, instancesOf, refusalsByInstance, Session } from "./session.ts";
import { tokenForm } from "./token.ts";

/** What a run before a deployment saves for a run after it. */
export interface Snapshot {
  /** The site's origin. */
  readonly site: string;
  /** Unix time in seconds. */
  readonly savedAt: number;
  readonly cookie: HeldCookie;
  /** Seconds; undefined if no sign-in was seen. */
  readonly lifetime: number | undefined;
  readonly instances: readonly string[];
  /** Security headers of the start page, by name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Identifies the file and its format. */
const FORMAT = "phoenix-verify-1";
/** Only the owner may read the file, because it holds a session. */
const MODE = 0o600;
const OTHERS = 0o077;
const MAX_BYTES = 64 * 1024;

export function takeSnapshot(context: CheckContext, { cookie, uses }: Session): Snapshot {
  return {
    site: context.url.origin,
    savedAt: Math.floor(context.client.now()),
    cookie,
    lifetime: lifetimeSeen(context),
    instances: instancesOf(uses),
    headers: Object.fromEntries(
      [...context.home.headers].filter(([name]) => SECURITY_HEADER.test(name)),
    ),
  };
}

const SECURITY_HEADER =
  /^(content-security-policy|cross-origin-(opener|resource)-policy|referrer-policy|strict-transport-security|x-content-type-options|x-frame-options)$/;

/**
 * Writes a snapshot that only its owner can read. Replaces an existing file together with its mode.
 * @throws OperatorError if it can't be written
 */
export async function writeSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  try {
    await rm(file, { force: true });
    const text = `${JSON.stringify({ format: FORMAT, ...snapshot }, null, 2)}\n`;
    await writeFile(file, text, { flag: "wx", mode: MODE });
  } catch (error) {
    throw new OperatorError(
      "NOT_SAVED",
      `${file} can't be written (${codeOf(error)}). Name another file with --save.`,
    );
  }
}

/**
 * Reads a snapshot back.
 * @throws UsageError if it can't be read, if others can read it too, or if it is not a snapshot
 */
export async function readSnapshot(file: string): Promise<Snapshot> {
  const snapshot = parseSnapshot(await readPrivate(file));
  if (snapshot !== undefined) return snapshot;
  throw new UsageError(`${file} was not written by --save. Make one before the next deployment.`);
}

async function readPrivate(file: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, "r");
    const { mode, size } = await handle.stat();
    // On Windows, `mode` does not show who may read the file.
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
      throw new UsageError(
        `Others can read ${file}, and a session's cookie is in it. Run chmod 600 on it; if it was ` +
          "so for long, sign that session out.",
      );
    }
    return size > MAX_BYTES ? "" : await handle.readFile("utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${file} can't be read (${codeOf(error)}). Name another file with --before.`,
    );
  } finally {
    await handle?.close();
  }
}

function parseSnapshot(text: string): Snapshot | undefined {
  const json = parseObject(text);
  if (json?.format !== FORMAT) return undefined;
  const { site, savedAt, lifetime, instances } = json;
  const { name, value } = asObject(json.cookie) ?? {};
  const headers = Object.entries(asObject(json.headers) ?? {});
  if (typeof site !== "string" || typeof savedAt !== "number") return undefined;
  if (typeof name !== "string" || !isCredential(name)) return undefined;
  if (typeof value !== "string" || !COOKIE_VALUE.test(value)) return undefined;
  return {
    site,
    savedAt,
    cookie: { name, value },
    lifetime: typeof lifetime === "number" ? lifetime : undefined,
    instances: Array.isArray(instances) ? instances.map(String) : [],
    headers: Object.fromEntries(headers.map(([header, value]) => [header, String(value)])),
  };
}

/** A cookie's value (RFC 6265, 4.1.1) that is not longer than browsers keep. */
export const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/;

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "for a reason that it does not tell";
}

interface Before {
  readonly snapshot: Snapshot;
  readonly context: CheckContext;
  /** The session from before, used again. */
  readonly session: Session;
}

/**
 * Checks that compare the site with a snapshot from before a deployment. The first one uses the
 * session from before.
 */
export function comparisons(
  snapshot: Snapshot,
  site: Pick<CheckContext, "client" | "url">,
): readonly Check[] {
  const session = new Session("saved", snapshot.cookie, site);
  const compare = (
    id: string,
    title: string,
    run: (before: Before) => Verdict | Promise<Verdict>,
  ): Check => check(id, title, (context) => run({ snapshot, context, session }));
  return [
    compare("earlier-session", "session from before", earlierSession),
    compare("cookie-name", "cookie since then", cookieName),
    compare("lifetime-kept", "lifetime since then", lifetimeKept),
    compare("headers-kept", "headers since then", headersKept),
    compare("instances-replaced", "instances since then", instancesReplaced),
  ];
}

/** Sends requests with the session from before until every known instance has got one. */
async function earlierSession(before: Before): Promise<Verdict> {
  const { snapshot, context, session } = before;
  const { client, api, requests, progress } = context;
  const { uses } = session;
  const known = instancesOf(context.session?.uses ?? []);
  const missed = () => known.filter((name) => !instancesOf(uses).includes(name));
  progress("trying the session from before");
  await client.load(
    requests,
    () => session.ask(api),
    (turns) => turns > 0 && missed().length === 0,
  );
  const age = client.now() - snapshot.savedAt;
  if (snapshot.lifetime !== undefined && age >= snapshot.lifetime) {
    return skipped(`it was saved ${duration(age)} ago and has ended by itself`);
  }
  if (session.lost) {
    return failed(`refused; by instance: ${refusalsByInstance(uses)}`, ...whyEnded(before));
  }
  const faulty = uses.filter(({ isFailure }) => isFailure);
  if (faulty.length > 0) {
    return failed(
      `${faulty.length} of ${count(uses.length, "request")} failed`,
      "Whether the session still works can't be told: the service could not answer.",
      "Look for errors of the last minutes in the service's log, and verify again.",
    );
  }
  return missed().length > 0
    ? skipped(`${missed().join(", ")} never got it; raise --requests`)
    : ok(
        `made ${duration(Math.max(0, age))} ago, works on ${count(instancesOf(uses).length, "instance")}`,
      );
}

/** The cookie has the same name. Under another one, every session would be lost. */
function cookieName({ snapshot, context }: Before): Verdict {
  const { cookie } = snapshot;
  const now = cookieNameNow(context);
  if (now === undefined) return skipped("no answer shows the cookie's name");
  return cookie.name === now
    ? ok(`${now}, as before`)
    : failed(`${cookie.name} before, ${now} now`, ...renamed(cookie.name, now));
}

/** Seconds by which the lifetime that Expires gives can differ between two answers. */
const TOLERANCE = 5;

function lifetimeKept({ snapshot, context }: Before): Verdict {
  const { lifetime } = snapshot;
  const now = lifetimeSeen(context);
  if (now === undefined || lifetime === undefined) {
    return skipped("only two sign-ins made by this command show it");
  }
  if (Math.abs(now - lifetime) <= TOLERANCE) return ok("the same");
  const change = `${duration(lifetime)} before, ${duration(now)} now`;
  return now > lifetime
    ? ok(change)
    : failed(
        change,
        "PERMANENT_SESSION_LIFETIME is shorter than before, and holds for sessions that exist as well.",
        `If that was not meant, set it back: ${deployed("sessionLifetime", lifetime)}.`,
      );
}

function headersKept({ snapshot, context }: Before): Verdict {
  const now = context.home.headers;
  const names = Object.keys(snapshot.headers);
  const gone = names.filter((name) => !now.has(name));
  const changed = names.filter((name) => now.get(name) !== snapshot.headers[name]);
  if (gone.length > 0) {
    return failed(
      `${gone.join(", ")} ${gone.length === 1 ? "is" : "are"} gone`,
      "The deployment took away what it sent before.",
      "Compare securityHeaders in service/app.ts with what was deployed before.",
    );
  }
  return ok(changed.length === 0 ? "the same" : `changed: ${changed.join(", ")}`);
}

/** Unless all instances are new, the earlier session proves nothing. */
function instancesReplaced({ snapshot, context, session }: Before): Verdict {
  const now = instancesOf([...session.uses, ...(context.session?.uses ?? [])]);
  const stayed = snapshot.instances.filter((name) => now.includes(name));
  if (now.length === 0) return skipped("no answer named its instance");
  if (stayed.length === 0) return ok(`${now.length} now, all of them new`);
  return stayed.length === now.length
    ? skipped("the same instances answer as before: nothing was deployed in between")
    : failed(
        `${stayed.join(", ")} still ${stayed.length === 1 ? "answers" : "answer"}`,
        "Instances from before the deployment are still there: it is under way, or its traffic is split.",
        "Wait until all traffic goes to the new revision, and verify again.",
      );
}

/** The name of the session cookie that the site sets; undefined if it set none. */
function cookieNameNow({ signIn, session }: CheckContext): string | undefined {
  if (signIn.outcome === "signed_in") return signIn.cookie.name;
  const set = session?.setCookies.find(({ name }) => isCredential(name));
  if (set !== undefined) return set.name;
  // Either all of the site's cookies have a prefix, or none has.
  const [attempt] = signIn.login.setCookies;
  return attempt && sessionCookie(attempt.name.startsWith("__")).name;
}

const SIGN_IN_AGAIN = "Everyone signs in once more.";
const SET_BACK = `${SIGN_IN_AGAIN} If that was not meant, set it back:`;

function renamed(before: string, now: string): Why {
  return [
    `SESSION_COOKIE_SECURE changed the cookie's name from ${before} to ${now}, so nobody's ` +
      "cookie is looked at any more.",
    `${SET_BACK} ${deployed("sessionCookieSecure", before === sessionCookie(true).name)}.`,
  ];
}

/** Why a session from before a deployment is refused after it, judged from outside. */
function whyEnded({ snapshot, context, session }: Before): Why {
  const nameNow = cookieNameNow(context);
  if (nameNow !== undefined && nameNow !== snapshot.cookie.name) {
    return renamed(snapshot.cookie.name, nameNow);
  }
  const lifetime = lifetimeSeen(context);
  if (lifetime !== undefined && context.client.now() - snapshot.savedAt >= lifetime) {
    return [
      `PERMANENT_SESSION_LIFETIME was shortened to ${lifetime} s, and the session is older.`,
      `${SET_BACK} ${deployed("sessionLifetime", snapshot.lifetime ?? "SECONDS")}.`,
    ];
  }
  const before = tokenForm(snapshot.cookie.value);
  // A cookie from before the deployment does not show which key seals now.
  const fresh = context.session?.source === "saved" ? undefined : context.session?.cookie;
  const now = fresh && tokenForm(fresh.value);
  if (before.form === "file" || now?.form === "file") return IN_FILES;
  const differ = whyInstancesDiffer(session.uses);
  if (differ !== undefined) return differ;
  return now?.form === "sealed" && before.form === "sealed"
    ? compareKeys(before.kid, now.kid)
    : KEY_CHANGED;
}

const KEY_CHANGED: Why = [
  "SECRET_KEY changed between the deployments, or the environment's name (ENVIRONMENT), which is " +
    "sealed into sessions.",
  `${SIGN_IN_AGAIN} Keep SECRET_KEY in Secret Manager and deploy to the same stack. To spare them, ` +
    "add the earlier value to the secret as a version, or name it in SECRET_KEY_FALLBACKS.",
];

/** A key's ID is its version's number in Secret Manager, or a fingerprint of a given value. */
function compareKeys(before: string, now: string): Why {
  if (before === now) {
    return [
      `Key ${now} seals as before, and does not open what it sealed: the environment's name ` +
        "changed (ENVIRONMENT, the stack), or SECRET_KEY names another secret.",
      `${SIGN_IN_AGAIN} If that was not meant, deploy to the same stack, with the same secret, again.`,
    ];
  }
  if (![before, now].every((kid) => VERSION_NUMBER.test(kid))) return KEY_CHANGED;
  if (Number(now) < Number(before)) {
    return [
      `SECRET_KEY was made anew between the deployments: version ${now} seals after version ` +
        `${before} did.`,
      `${SIGN_IN_AGAIN} Keep the secret: rotating adds a version to it, and loses no session.`,
    ];
  }
  return [
    `Version ${before} of SECRET_KEY, which sealed the session, is disabled or destroyed; ` +
      `version ${now} seals now.`,
    "If the key had leaked, that is what was meant: everyone signs in once more. If not, enable " +
      `the version again: \`gcloud secrets versions enable ${before} --secret SECRET --project ` +
      "PROJECT`. Rotate with `npm run rotate -- --stack STACK`, which keeps keys until no " +
      "session needs them.",
  ];
}
