import { isSkipped, type Observations, type Session, type Visit } from "../observations.ts";
import { settingDeployed } from "../remedies.ts";
import { type Check, count, type Finding, failed, ok, skipped } from "./check.ts";

/** How often an instance answered, and how often it said that nobody is signed in. */
export interface Tally {
  readonly instance: string;
  readonly requests: number;
  readonly refused: number;
}

/** The tallies of the instances, in the order of their names. */
export function tallies(visits: readonly Visit[]): Tally[] {
  const groups = Map.groupBy(visits, ({ instance }) => instance ?? "(no name)");
  return [...groups]
    .map(([instance, own]) => ({
      instance,
      requests: own.length,
      refused: own.filter(({ refused }) => refused).length,
    }))
    .toSorted((a, b) => (a.instance < b.instance ? -1 : 1));
}

/** Whether any request was told that the session is over: what depends on it tells nothing then. */
export function isLost(session: Session): boolean {
  return session.visits.some(({ refused }) => refused);
}

/** The reason for which a check is skipped that a lost session leaves nothing to look at for. */
export const LOST = "the session was lost on the way: see sessions";

/** That no instance says "session expired" to somebody who is signed in. */
export const sessions: Check = {
  id: "sessions",
  title: "sessions",
  judge(seen) {
    const { session } = seen;
    if (isSkipped(session)) return skipped(session.skipped);
    const visits = session.visits.filter(({ needsSession }) => needsSession);
    if (!isLost(session)) {
      return ok(`${count(visits.length, "request")} that need one, none refused`);
    }
    const refused = visits.filter((visit) => visit.refused);
    const codes = [...new Set(refused.flatMap(({ code }) => code ?? []))].join(", ");
    const by = tallies(visits)
      .map((tally) => `${tally.instance} ${tally.refused} of ${tally.requests}`)
      .join(", ");
    const { cause, remedy } = explain(seen, session, tallies(visits));
    return failed(
      `${refused.length} of ${count(visits.length, "request")} refused` +
        `${codes && ` (${codes})`}; by instance: ${by}`,
      cause,
      remedy,
    );
  },
};

function explain(
  seen: Observations,
  { token, source }: Session,
  byInstance: readonly Tally[],
): Finding {
  const accepting = byInstance.filter(({ requests, refused }) => refused < requests);
  if (token.form === "file") {
    return {
      cause:
        "Each instance keeps sessions in files of its own (SESSION_TYPE=filesystem), so a " +
        "session is over as soon as another instance answers.",
      remedy:
        "Leave SESSION_TYPE unset, or set it to None: sessions then travel in sealed " +
        "cookies, which every instance can open.",
    };
  }
  if (accepting.length === 0) return explainNone(source);
  if (accepting.every(({ refused }) => refused === 0)) {
    const names = accepting.map(({ instance }) => instance).join(", ");
    return {
      cause:
        `The instances don't share one SECRET_KEY: only ${names} can open what was sealed. ` +
        "Either each makes a key of its own, or two revisions with different keys answer.",
      remedy:
        "Keep SECRET_KEY in Secret Manager and let every instance read the same secret " +
        "(SECRET_KEY=sm://PROJECT/SECRET). If a deployment is under way, wait for it to end " +
        "and verify again.",
    };
  }
  return {
    cause:
      "The same instances accepted the session and refused it: it ended while it was used, " +
      "or its key was disabled.",
    remedy:
      `Look at PERMANENT_SESSION_LIFETIME${lifetimeOf(seen)}, and at what became of the ` +
      "session in the log: each line says it in one word (expired, tampered, unknown_key, " +
      "retired_key).",
  };
}

function explainNone(source: Session["source"]): Finding {
  if (source === "pasted") {
    return {
      cause:
        "The session that you gave opens nowhere: it has expired, belongs to another " +
        "environment, or was cut off when it was copied.",
      remedy: "Sign in again with a browser and copy the whole value of the cookie.",
    };
  }
  if (source === "saved") {
    return {
      cause: "The session from before opens nowhere any more.",
      remedy: "See session from before. Give a new session in PHOENIX_SESSION to check the rest.",
    };
  }
  return {
    cause: "No instance opens the cookie that the sign-in has just set.",
    remedy:
      "Look at what became of the session in the log: each line says it in one word " +
      "(expired, tampered, unknown_key, retired_key).",
  };
}

function lifetimeOf({ signIn }: Observations): string {
  const maxAge = signIn.outcome === "signed_in" && signIn.cookie.attributes.get("max-age");
  return maxAge ? ` (the cookie says ${maxAge} s)` : "";
}

/** That several instances were met: what one instance answers says nothing about the others. */
export const instances: Check = {
  id: "instances",
  title: "instances",
  judge({ session, wanted }) {
    if (isSkipped(session)) return skipped(session.skipped);
    const met = tallies(session.visits.filter(({ instance }) => instance !== undefined));
    const names = met.map(({ instance, requests }) => `${instance} (${requests})`).join(", ");
    if (met.length === 0) {
      return failed(
        "no answer named its instance",
        "The header X-Instance is missing, so nobody can tell which instance answers.",
        "Let the header pass through whatever stands before the service.",
      );
    }
    const seen = `${met.length} answered: ${names}`;
    if (met.length >= wanted.instances || (!wanted.said && met.length > 1)) return ok(seen);
    if (!wanted.said) {
      return skipped(
        `only ${met[0]?.instance} answered, so nothing was seen of sessions between ` +
          "instances; try --requests 2000",
      );
    }
    return failed(
      seen,
      `${count(wanted.instances, "instance")} should have answered: there are fewer, or the ` +
        "load was too small to need them.",
      "Raise --requests, which makes more of them at a time, or have so many run all the time: " +
        `${settingDeployed("minInstances", wanted.instances)}.`,
    );
  },
};

/** That nothing answered with a fault of the service, or not at all. */
export const serverErrors: Check = {
  id: "server-errors",
  title: "server errors",
  judge({ session }) {
    if (isSkipped(session)) return skipped(session.skipped);
    const faults = session.visits.filter(({ status }) => status === 0 || status >= 500);
    if (faults.length === 0) return ok("none");
    const kinds = Map.groupBy(faults, ({ status, code }) =>
      [status || "no answer", code].filter(Boolean).join(" "),
    );
    const seen = [...kinds].map(([kind, own]) => `${own.length} × ${kind}`).join(", ");
    if (faults.some(({ code }) => code === "keys_unavailable")) {
      return failed(
        seen,
        "The keys that seal sessions can't be read, or not at once.",
        "Look in the log for why: Secret Manager does not answer, the service may not read " +
          "the secret (roles/secretmanager.secretAccessor and viewer), or no version of " +
          "SECRET_KEY is enabled.",
      );
    }
    return failed(
      seen,
      "Requests failed in the service or on the way to it.",
      "Look for errors of the last minutes in the service's log.",
    );
  },
};
