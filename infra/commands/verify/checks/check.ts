import type { Observations } from "../observations.ts";

/** Why something is wrong, and what mends it: whole sentences. */
export interface Finding {
  readonly cause: string;
  readonly remedy: string;
}

/** What a check says about what was seen. `seen` is a clause; of a skipped check it is the reason. */
export interface Verdict {
  readonly outcome: "ok" | "failed" | "skipped";
  readonly seen: string;
  /** At least one if it failed, none otherwise. */
  readonly findings: readonly Finding[];
}

/** One thing that matters. It asks for nothing: all that it needs has been seen. */
export interface Check {
  /** For programs. */
  readonly id: string;
  /** For people, in a few words. */
  readonly title: string;
  readonly judge: (seen: Observations) => Verdict;
}

export function ok(seen: string): Verdict {
  return { outcome: "ok", seen, findings: [] };
}

/** Not checked, and so not passed. */
export function skipped(reason: string): Verdict {
  return { outcome: "skipped", seen: reason, findings: [] };
}

export function failed(seen: string, cause: string, remedy: string): Verdict {
  return { outcome: "failed", seen, findings: [{ cause, remedy }] };
}

/** A fault and what was seen of it. */
export interface Fault extends Finding {
  readonly seen: string;
}

/** Failed with every fault there is, each once; ok if there is none. */
export function faultless(faults: readonly Fault[], seen: string): Verdict {
  if (faults.length === 0) return ok(seen);
  const distinct = [...new Map(faults.map((fault) => [fault.seen, fault])).values()];
  const findings = new Map(distinct.map(({ cause, remedy }) => [cause, { cause, remedy }]));
  return {
    outcome: "failed",
    seen: distinct.map((fault) => fault.seen).join("; "),
    findings: [...findings.values()],
  };
}

/** `1 request`, `2 requests`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Seconds as a person says them: the largest unit of which there are at least two. */
export function duration(seconds: number): string {
  const units = [
    [86_400, "days"],
    [3600, "h"],
    [60, "min"],
  ] as const;
  const [size, name] = units.find(([unit]) => seconds >= 2 * unit) ?? [1, "s"];
  return `${Math.round(seconds / size)} ${name}`;
}
