import { MAX_LIFETIME } from "../../../../service/contract/serviceSettings.ts";
import { MAX_COOKIE_BYTES } from "../../../../service/session/cookie.ts";
import { isSkipped, type Observations } from "../observations.ts";
import { settingDeployed } from "../remedies.ts";
import { keptFor, type SetCookie } from "../site/setCookie.ts";
import { type Check, duration, type Fault, failed, faultless, ok, skipped } from "./check.ts";

/** That the session's cookie is out of reach of scripts, other sites, and listeners. */
export const sessionCookie: Check = {
  id: "session-cookie",
  title: "session cookie",
  judge({ site, session }) {
    if (isSkipped(session)) return skipped(session.skipped);
    return judgeCookies(session.cookies, site.https);
  },
};

/** The same of the cookie that keeps a sign-in on its way; it needs no session to be seen. */
export const signInCookie: Check = {
  id: "sign-in-cookie",
  title: "sign-in cookie",
  judge({ site, login }) {
    if (login.status >= 400) return skipped("the sign-in did not begin");
    return judgeCookies(login.setCookies, site.https);
  },
};

function judgeCookies(cookies: readonly SetCookie[], https: boolean): ReturnType<Check["judge"]> {
  const [first] = cookies;
  if (first === undefined) return skipped("no answer set it");
  return faultless(
    cookies.flatMap((cookie) => attributeFaults(cookie, https)),
    `${first.name}: ${describe(first)}`,
  );
}

function attributeFaults({ name, attributes }: SetCookie, https: boolean): Fault[] {
  const faults: Fault[] = [];
  if (!attributes.has("httponly")) {
    faults.push({
      seen: `${name} has no HttpOnly`,
      cause: "Scripts in the page can read the cookie, and so can whoever gets one into it.",
      remedy: "Set the cookie with httpOnly: true.",
    });
  }
  if (!/^(lax|strict)$/i.test(attributes.get("samesite") ?? "")) {
    faults.push({
      seen: `${name} has no SameSite=Lax`,
      cause: "Browsers send the cookie with requests that other sites make.",
      remedy: 'Set the cookie with sameSite: "lax".',
    });
  }
  if (attributes.get("path") !== "/" || attributes.has("domain")) {
    faults.push({
      seen: `${name} is not for the whole site and this host alone`,
      cause: "With another Path or with a Domain, pages lack it or other hosts get it.",
      remedy: 'Set the cookie with path: "/" and without a domain.',
    });
  }
  const secure = attributes.has("secure");
  if (https && !(secure && name.startsWith("__Host-"))) {
    faults.push({
      seen: secure ? `${name} has no prefix __Host-` : `${name} has no Secure`,
      cause: "SESSION_COOKIE_SECURE is not true, so the cookie also goes over http.",
      remedy: `Set SESSION_COOKIE_SECURE=true: ${settingDeployed("sessionCookieSecure", true)}.`,
    });
  }
  if (!https && (secure || name.startsWith("__Host-"))) faults.push(SECURE_OVER_HTTP(name));
  return faults;
}

const SECURE_OVER_HTTP = (name: string): Fault => ({
  seen: `${name} has Secure, and the site is http`,
  cause:
    "Cookies are not being set: SESSION_COOKIE_SECURE is true and the site is opened over " +
    "http, where browsers don't keep such a cookie.",
  remedy:
    "Open the site over https, which Cloud Run enforces. On a laptop without https, leave " +
    "SESSION_COOKIE_SECURE unset.",
});

function describe({ attributes }: SetCookie): string {
  const parts = [
    attributes.has("httponly") && "HttpOnly",
    `SameSite=${attributes.get("samesite")}`,
    `Path=${attributes.get("path")}`,
    attributes.has("secure") && "Secure",
  ];
  return parts.filter(Boolean).join(", ");
}

/** That browsers keep the cookie: they drop what is too large without a word. */
export const cookieSize: Check = {
  id: "cookie-size",
  title: "cookie size",
  judge({ session }) {
    if (isSkipped(session)) return skipped(session.skipped);
    const bytes = Math.max(0, ...session.cookies.map((cookie) => cookie.bytes));
    if (bytes === 0) return skipped("no answer set it");
    const seen = `${bytes} of ${MAX_COOKIE_BYTES} bytes`;
    return bytes <= MAX_COOKIE_BYTES
      ? ok(seen)
      : failed(
          seen,
          `Browsers drop a cookie of more than ${MAX_COOKIE_BYTES} bytes (name, value and ` +
            "attributes) without a word, so nobody stays signed in.",
          "Keep less in the session: of large things, an identifier.",
        );
  },
};

const SHORTEST_LIFETIME = 3_600;
const SEVEN_DAYS = 604_800;

/** Seconds from sign-in until the session ends; undefined if no sign-in was seen, or nothing says. */
export function lifetimeSeen({ signIn, now }: Pick<Observations, "signIn" | "now">) {
  return signIn.outcome === "signed_in" ? keptFor(signIn.cookie, now) : undefined;
}

/** That a session lasts long enough to work with, and not for ever. */
export const lifetime: Check = {
  id: "lifetime",
  title: "session lifetime",
  judge(seen) {
    if (seen.signIn.outcome !== "signed_in") {
      return skipped("only a new sign-in shows it, and none was made here");
    }
    const seconds = lifetimeSeen(seen);
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
        `Raise it, such as to seven days: ${settingDeployed("sessionLifetime", SEVEN_DAYS)}.`,
      );
    }
    return seconds <= MAX_LIFETIME
      ? ok(duration(seconds))
      : failed(
          duration(seconds),
          "Sessions last longer than browsers keep any cookie (400 days).",
          `Lower PERMANENT_SESSION_LIFETIME: ${settingDeployed("sessionLifetime", MAX_LIFETIME)}.`,
        );
  },
};
