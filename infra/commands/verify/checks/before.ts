import {
  type Before,
  cookieNameNow,
  instancesOf,
  isSkipped,
  type Observations,
} from "../observations.ts";
import { settingDeployed } from "../remedies.ts";
import { securityHeaders } from "../site/securityHeaders.ts";
import { type Check, count, duration, failed, ok, skipped, type Verdict } from "./check.ts";
import { lifetimeSeen } from "./cookies.ts";
import { tallies } from "./sessions.ts";
import { renamed, whyEnded } from "./whyEnded.ts";

/** A check that compares with what a run before the deployment wrote down. */
export interface Comparison extends Pick<Check, "id" | "title"> {
  readonly judge: (before: Before, seen: Observations) => Verdict;
}

/** That whoever was signed in before the deployment still is, on every instance. */
export const earlierSession: Comparison = {
  id: "earlier-session",
  title: "session from before",
  judge(before, seen) {
    const { snapshot, visits } = before;
    const age = duration(Math.max(0, seen.now - snapshot.savedAt));
    if (snapshot.endsAt !== undefined && seen.now >= snapshot.endsAt) {
      return skipped(`it was saved ${age} ago and has ended by itself`);
    }
    const refused = visits.filter((visit) => visit.refused);
    const faulty = visits.filter(({ status }) => status === 0 || status >= 500);
    const byInstance = tallies(visits);
    if (refused.length > 0) {
      const by = byInstance
        .map((tally) => `${tally.instance} ${tally.refused} of ${tally.requests}`)
        .join(", ");
      const { cause, remedy } = whyEnded(before, seen);
      return failed(`refused; by instance: ${by}`, cause, remedy);
    }
    if (faulty.length > 0) {
      return failed(
        `${faulty.length} of ${count(visits.length, "request")} failed`,
        "Whether the session still works can't be told: the service could not answer.",
        "Look for errors of the last minutes in the service's log, and verify again.",
      );
    }
    const asked = new Set(instancesOf(visits));
    const missed = isSkipped(seen.session)
      ? []
      : instancesOf(seen.session.visits).filter((instance) => !asked.has(instance));
    return missed.length > 0
      ? skipped(`${missed.join(", ")} never got it; raise --requests`)
      : ok(`made ${age} ago, works on ${count(asked.size, "instance")}`);
  },
};

/** That the cookie still has its name: under another one, every session is lost. */
export const cookieName: Comparison = {
  id: "cookie-name",
  title: "cookie since then",
  judge({ snapshot }, seen) {
    const now = cookieNameNow(seen);
    if (now === undefined) return skipped("no answer shows the cookie's name");
    const { name } = snapshot.cookie;
    if (name === now) return ok(`${name}, as before`);
    const { cause, remedy } = renamed(name, now);
    return failed(`${name} before, ${now} now`, cause, remedy);
  },
};

/** Seconds by which an Expires can differ from one answer to the next. */
const TOLERANCE = 5;

/** That sessions don't end sooner than before. */
export const lifetimeKept: Comparison = {
  id: "lifetime-kept",
  title: "lifetime since then",
  judge({ snapshot }, seen) {
    const now = lifetimeSeen(seen);
    const { lifetime } = snapshot;
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
          `If that was not meant, set it back: ${settingDeployed("sessionLifetime", lifetime)}.`,
        );
  },
};

/** That no security header is gone. */
export const headersKept: Comparison = {
  id: "headers-kept",
  title: "headers since then",
  judge({ snapshot }, seen) {
    const now = securityHeaders(seen.home.headers);
    const gone = Object.keys(snapshot.headers).filter((name) => !(name in now));
    const changed = Object.entries(snapshot.headers)
      .filter(([name, value]) => name in now && now[name] !== value)
      .map(([name]) => name);
    if (gone.length > 0) {
      return failed(
        `${gone.join(", ")} ${gone.length === 1 ? "is" : "are"} gone`,
        "The deployment took away what it sent before.",
        "Compare securityHeaders in service/app.ts with what was deployed before.",
      );
    }
    return ok(changed.length === 0 ? "the same" : `changed: ${changed.join(", ")}`);
  },
};

/** That something was deployed: otherwise the session from before has shown nothing. */
export const instancesReplaced: Comparison = {
  id: "instances-replaced",
  title: "instances since then",
  judge({ snapshot, visits }, seen) {
    const now = new Set([
      ...instancesOf(visits),
      ...(isSkipped(seen.session) ? [] : instancesOf(seen.session.visits)),
    ]);
    const stayed = snapshot.instances.filter((instance) => now.has(instance));
    if (now.size === 0) return skipped("no answer named its instance");
    if (stayed.length === 0) return ok(`${now.size} now, all of them new`);
    return stayed.length === now.size
      ? skipped("the same instances answer as before: nothing was deployed in between")
      : failed(
          `${stayed.join(", ")} still ${stayed.length === 1 ? "answers" : "answer"}`,
          "Instances from before the deployment are still there: it is under way, or its traffic is split.",
          "Wait until all traffic goes to the new revision, and verify again.",
        );
  },
};
