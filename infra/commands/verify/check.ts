import type { Answer, Client } from "./client.ts";
import type { Session } from "./session.ts";
import type { SignIn } from "./signIn.ts";

/** The result of a check. `seen` is a clause; for a skipped check it is the reason. */
export interface Verdict {
  readonly outcome: "ok" | "failed" | "skipped";
  readonly seen: string;
  /** Why it failed, and what mends it, in whole sentences. None unless it failed. */
  readonly findings: readonly { readonly cause: string; readonly remedy: string }[];
}

export interface Check {
  /** Name in the JSON output. */
  readonly id: string;
  /** Name in the text output. */
  readonly title: string;
  readonly run: (context: CheckContext) => Verdict | Promise<Verdict>;
}

/** A check that needs no session. */
export function check(id: string, title: string, run: Check["run"]): Check {
  return { id, title, run };
}

/** Why a check is skipped once a request with the session was refused. */
export const LOST = "the session was lost on the way: see sessions";

/**
 * A check that is skipped without a session.
 * @param needs - `intact`: also skipped once any request with the session was refused
 */
export function sessionCheck(
  id: string,
  title: string,
  needs: "held" | "intact",
  run: (context: CheckContext & { readonly session: Session }) => Verdict | Promise<Verdict>,
): Check {
  return check(id, title, (context) => {
    const { session } = context;
    if (session === undefined) return skipped(context.noSession);
    return needs === "intact" && session.lost ? skipped(LOST) : run({ ...context, session });
  });
}

/** The site under check, and what has been seen of it so far. */
export interface CheckContext {
  readonly client: Client;
  /** Scheme, host and port. */
  readonly url: URL;
  readonly https: boolean;
  /** Paths of a page and of a GET below /api/ that need sign-in. */
  readonly page: string;
  readonly api: string;
  /** The most requests per load check. */
  readonly requests: number;
  /** How many instances have to answer; undefined without --instances. */
  readonly instances: number | undefined;
  readonly random: (bytes: number) => Uint8Array;
  readonly progress: (text: string) => void;
  readonly live: Answer;
  readonly home: Answer;
  /** Answers to requests without a session. */
  readonly signedOut: { readonly page: Answer; readonly api: Answer };
  readonly signIn: SignIn;
  readonly session: Session | undefined;
  /** Why there is no session; a clause. */
  readonly noSession: string;
  /** Answers that depend on a session, in addition to the session's own. */
  readonly dependent: Answer[];
}

export function ok(seen: string): Verdict {
  return { outcome: "ok", seen, findings: [] };
}

/** A skipped check has not passed. */
export function skipped(reason: string): Verdict {
  return { outcome: "skipped", seen: reason, findings: [] };
}

export function failed(seen: string, cause: string, remedy: string): Verdict {
  return { outcome: "failed", seen, findings: [{ cause, remedy }] };
}

/** A cause and its remedy. */
export type Why = readonly [cause: string, remedy: string];

/** A fault: what was seen, its cause and its remedy. */
export type Fault = readonly [seen: string, ...Why];

/** Failed with all faults, each once; ok if there are none. */
export function judge(seen: string, ...faults: readonly (Fault | false)[]): Verdict {
  const real = faults.filter((fault) => fault !== false);
  if (real.length === 0) return ok(seen);
  return {
    outcome: "failed",
    seen: [...new Set(real.map(([what]) => what))].join("; "),
    findings: [...new Map(real.map(([, cause, remedy]) => [cause, { cause, remedy }])).values()],
  };
}

/** `1 request`, `2 requests`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * The commands that set a setting of the stack and deploy it. The stack's name can't be seen from
 * outside, so STACK stands for it.
 */
export function deployed(name: string, value: string | number | boolean): string {
  return (
    `\`npx pulumi config set --stack STACK ${name} ${value}\`, then ` +
    "`npx pulumi up --stack STACK`"
  );
}
