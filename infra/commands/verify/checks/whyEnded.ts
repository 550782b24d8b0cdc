import { VERSION_NUMBER } from "../../../../service/google/secretVersions.ts";
import { sessionCookie } from "../../../../service/session/cookie.ts";
import { type Before, cookieNameNow, isSkipped, type Observations } from "../observations.ts";
import { settingDeployed } from "../remedies.ts";
import { type TokenForm, tokenForm } from "../site/token.ts";
import type { Finding } from "./check.ts";
import { lifetimeSeen } from "./cookies.ts";
import { tallies } from "./sessions.ts";

const SIGN_IN_AGAIN = "Everyone signs in once more.";

/** Why a session from before a deployment is refused after it, as far as it shows from outside. */
export function whyEnded(before: Before, seen: Observations): Finding {
  const { snapshot, token, visits } = before;
  const nameNow = cookieNameNow(seen);
  if (nameNow !== undefined && nameNow !== snapshot.cookie.name) {
    return renamed(snapshot.cookie.name, nameNow);
  }
  const lifetime = lifetimeSeen(seen);
  if (lifetime !== undefined && seen.now - snapshot.savedAt >= lifetime) {
    return {
      cause: `PERMANENT_SESSION_LIFETIME was shortened to ${lifetime} s, and the session is older.`,
      remedy:
        `${SIGN_IN_AGAIN} If that was not meant, set it back: ` +
        `${settingDeployed("sessionLifetime", snapshot.lifetime ?? "SECONDS")}.`,
    };
  }
  if (token.form === "file") {
    return {
      cause:
        "The session was in a file of an instance (SESSION_TYPE=filesystem), and went with it.",
      remedy: "Leave SESSION_TYPE unset: sealed cookies outlive instances and deployments.",
    };
  }
  const now = tokenNow(seen);
  if (now?.form === "file") {
    return {
      cause: "The deployment set SESSION_TYPE=filesystem, which looks at no sealed cookie.",
      remedy: "Leave SESSION_TYPE unset, or set it to None.",
    };
  }
  const byInstance = tallies(visits);
  const accepting = byInstance.filter(({ refused }) => refused === 0);
  if (accepting.length > 0) {
    const names = accepting.map(({ instance }) => instance).join(", ");
    return {
      cause:
        `The instances don't agree: only ${names} can open the session. Two revisions with ` +
        "different keys answer, or an instance does not know the key yet.",
      remedy:
        "Wait for the deployment to end and verify again. If it stays so, let every instance " +
        "read the same secret (SECRET_KEY=sm://PROJECT/SECRET).",
    };
  }
  return now?.form === "sealed" && token.form === "sealed"
    ? compareKeys(token.kid, now.kid)
    : {
        cause:
          "SECRET_KEY changed between the deployments, or the environment's name " +
          "(ENVIRONMENT), which is sealed into sessions.",
        remedy:
          `${SIGN_IN_AGAIN} Keep SECRET_KEY in Secret Manager and don't make it anew, and ` +
          "deploy to the same stack. A new session in PHOENIX_SESSION lets this command say " +
          "which it was.",
      };
}

/** Why a cookie of another name is set now. */
export function renamed(before: string, now: string): Finding {
  const wasSecure = before === sessionCookie(true).name;
  return {
    cause:
      `SESSION_COOKIE_SECURE changed the cookie's name from ${before} to ${now}, so nobody's ` +
      "cookie is looked at any more.",
    remedy:
      `${SIGN_IN_AGAIN} If that was not meant, set it back: ` +
      `${settingDeployed("sessionCookieSecure", wasSecure)}.`,
  };
}

/** How a session's cookie is made now; undefined if no new one was seen. */
function tokenNow({ session, signIn }: Observations): TokenForm | undefined {
  if (signIn.outcome === "signed_in") return tokenForm(signIn.cookie.value);
  return isSkipped(session) || session.source === "saved" ? undefined : session.token;
}

/** Keys are named by their secret's version, or by a fingerprint of a value that was set. */
function compareKeys(before: string, now: string): Finding {
  if (before === now) {
    return isVersion(now)
      ? {
          cause:
            `Key ${now} seals as before, and does not open what it sealed: the environment's ` +
            "name changed (ENVIRONMENT, the stack), or SECRET_KEY names another secret with a " +
            `version ${now}.`,
          remedy:
            `${SIGN_IN_AGAIN} If that was not meant, deploy to the same stack, with the same ` +
            "secret, again.",
        }
      : {
          cause:
            "The environment's name changed (ENVIRONMENT): the key is the same, and sessions " +
            "of one environment don't open in another.",
          remedy: `${SIGN_IN_AGAIN} If that was not meant, set ENVIRONMENT back.`,
        };
  }
  if (!isVersion(before) && !isVersion(now)) {
    return {
      cause: "SECRET_KEY changed between the deployments.",
      remedy:
        "Keep SECRET_KEY in Secret Manager and don't make it anew with each deployment. To " +
        "change it without loss, name the earlier value in SECRET_KEY_FALLBACKS until its " +
        "sessions have ended.",
    };
  }
  if (!isVersion(before) || !isVersion(now)) {
    return {
      cause:
        "SECRET_KEY changed between the deployments, from a value to a secret of Secret " +
        "Manager or the other way round.",
      remedy:
        `${SIGN_IN_AGAIN} To spare them that, add the earlier value as a version of the secret ` +
        "before the new one.",
    };
  }
  return Number(now) > Number(before)
    ? {
        cause:
          `Version ${before} of SECRET_KEY, which sealed the session, is disabled or ` +
          `destroyed; version ${now} seals now.`,
        remedy:
          "If the key had leaked, that is what was meant: everyone signs in once more. If not, " +
          `enable the version again: \`gcloud secrets versions enable ${before} --secret SECRET ` +
          "--project PROJECT`. Rotate with `npm run rotate -- --stack STACK`, which keeps keys " +
          "until no session needs them.",
      }
    : {
        cause:
          `SECRET_KEY was made anew between the deployments: version ${now} seals after ` +
          `version ${before} did.`,
        remedy: `${SIGN_IN_AGAIN} Keep the secret: rotating adds a version to it, and loses no session.`,
      };
}

function isVersion(kid: string): boolean {
  return VERSION_NUMBER.test(kid);
}
