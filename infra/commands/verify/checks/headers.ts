import { isSkipped, type Observations } from "../observations.ts";
import type { Answer } from "../site/answer.ts";
import { type Check, duration, type Fault, failed, faultless, ok, skipped } from "./check.ts";

/** Where what is missing here is written. */
const IN_APP = "securityHeaders in service/app.ts";

/** That pages run nothing but the site's own scripts, and stand in nobody's frame. */
export const contentSecurityPolicy: Check = {
  id: "content-security-policy",
  title: "content security",
  judge(seen) {
    const faults = pages(seen).flatMap(([path, { headers }]) =>
      policyFaults(path, headers.get("content-security-policy")),
    );
    return faultless(faults, "own scripts and styles only, no frames");
  },
};

function pages({ home, session }: Observations): [path: string, answer: Answer][] {
  const opened = !isSkipped(session) && session.page.status === 200;
  return [["/", home], ...(opened ? [["/reel-maker", session.page] as [string, Answer]] : [])];
}

/** A policy's sources by directive (Content Security Policy Level 3, 2.2.1: the first one counts). */
export function parsePolicy(policy: string): ReadonlyMap<string, readonly string[]> {
  const directives = new Map<string, readonly string[]>();
  for (const part of policy.split(";")) {
    const [name = "", ...sources] = part.trim().toLowerCase().split(/\s+/);
    if (name !== "" && !directives.has(name)) directives.set(name, sources);
  }
  return directives;
}

function policyFaults(path: string, header: string | null): Fault[] {
  if (header === null) {
    return [
      {
        seen: `${path} has no Content-Security-Policy`,
        cause: "Whatever gets into a page can run scripts in it.",
        remedy: `Let every answer carry the policy: ${IN_APP}.`,
      },
    ];
  }
  const policy = parsePolicy(header);
  const faults: Fault[] = [];
  for (const kind of ["script-src", "style-src"]) {
    const sources = policy.get(kind) ?? policy.get("default-src") ?? ["*"];
    const open = sources.filter((source) =>
      /^('unsafe-(inline|eval)'|\*|https?:|data:)$/.test(source),
    );
    if (open.length === 0) continue;
    faults.push({
      seen: `${path}: ${kind} allows ${open.join(" ")}`,
      cause: "What somebody gets into a page can run there, or change what it looks like.",
      remedy: `Allow 'self' alone: ${IN_APP}.`,
    });
  }
  const ancestors = policy.get("frame-ancestors") ?? [];
  if (ancestors.length !== 1 || !/^'(none|self)'$/.test(ancestors[0] ?? "")) {
    faults.push({
      seen: `${path}: no frame-ancestors 'none'`,
      cause: "Other sites can put the page into a frame and catch clicks.",
      remedy: `Set frame-ancestors to 'none': ${IN_APP}.`,
    });
  }
  return faults;
}

/** Half a year, below which it is of little use (https://hstspreload.org asks for a whole one). */
const MIN_HSTS = 15_552_000;

/** That browsers don't even try http. */
export const strictTransport: Check = {
  id: "strict-transport",
  title: "HSTS",
  judge({ site, home }) {
    if (!site.https) return skipped("the site is at an http address");
    const header = home.headers.get("strict-transport-security") ?? "";
    const seconds = Number(/(?:^|;)\s*max-age="?(\d+)"?/i.exec(header)?.[1] ?? 0);
    return seconds >= MIN_HSTS
      ? ok(duration(seconds))
      : failed(
          seconds === 0 ? "no Strict-Transport-Security" : `only ${duration(seconds)}`,
          "A browser that is told http asks over http first, where somebody in between can answer.",
          `Send it for half a year or more; the service does if SESSION_COOKIE_SECURE=true (${IN_APP}).`,
        );
  },
};

const SAFE_REFERRERS =
  /^(no-referrer|same-origin|strict-origin|strict-origin-when-cross-origin|origin-when-cross-origin)$/;

/** The headers that need no thinking, on pages and the API alike. */
export const plainHeaders: Check = {
  id: "headers",
  title: "other headers",
  judge(seen) {
    const answers: [string, Answer][] = [
      ...pages(seen),
      ["/api/clips", seen.stranger.api],
      ["/login", seen.login],
    ];
    const faults = answers.flatMap(([path, { headers }]): Fault[] => {
      const missing: Fault[] = [];
      if (headers.get("x-content-type-options")?.toLowerCase() !== "nosniff") {
        missing.push({
          seen: `${path} has no nosniff`,
          cause: "Browsers may take an answer for something that it isn't, such as a script.",
          remedy: `Send X-Content-Type-Options: nosniff: ${IN_APP}.`,
        });
      }
      // Of several, browsers take the last one that they know.
      const policy = (headers.get("referrer-policy") ?? "").split(",").at(-1)?.trim() ?? "";
      if (!SAFE_REFERRERS.test(policy)) {
        missing.push({
          seen: `${path} has no safe Referrer-Policy`,
          cause: "Other sites may learn addresses with what stands in them.",
          remedy: `Send Referrer-Policy: same-origin: ${IN_APP}.`,
        });
      }
      if (headers.has("x-powered-by")) {
        missing.push({
          seen: `${path} tells X-Powered-By`,
          cause: "Everyone is told what the service is made with.",
          remedy: 'Keep it out: app.disable("x-powered-by").',
        });
      }
      return missing;
    });
    return faultless(faults, "nosniff, referrer policy, no X-Powered-By");
  },
};
