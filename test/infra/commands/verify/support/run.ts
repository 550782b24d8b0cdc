import { randomBytes } from "node:crypto";
import { expect } from "@jest/globals";
import { runVerifyCommand, type VerifyDeps } from "../../../../../infra/commands/verify/command.ts";
import { fetchAt } from "../../../../../infra/commands/verify/resolve.ts";

/** Result of the command. */
export interface Run {
  readonly status: number;
  /** Standard output, and standard error. */
  readonly out: string;
  readonly err: string;
  readonly progress: readonly string[];
}

/** A run with `--json`. */
interface JsonRun extends Run {
  readonly json: Report;
  /** IDs of the checks by outcome. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** Text, cause and remedy of a check. */
  readonly text: (id: string) => string;
}

export interface Report {
  readonly site: string;
  readonly ok: boolean;
  readonly session: string;
  readonly requests: number;
  readonly instances: readonly { instance: string; requests: number; refused: number }[];
  readonly checks: readonly {
    id: string;
    outcome: "ok" | "failed" | "skipped";
    seen: string;
    findings: readonly { cause: string; remedy: string }[];
  }[];
}

/** A Pulumi command that can't be copied and run. */
const INCOMPLETE = /(?<!`npx )pulumi (?:config|up)|pulumi (?:config set|up)(?! --stack STACK)/;

/**
 * Runs the command, and checks that its output contains no cookie, token or code, and no command
 * without a stack.
 */
export async function run(args: readonly string[], deps: Partial<VerifyDeps> = {}): Promise<Run> {
  const secrets = new Set<string>();
  const lines = { out: [] as string[], err: [] as string[], progress: [] as string[] };
  const request = deps.fetch ?? fetch;
  const watched =
    (send: typeof fetch): typeof fetch =>
    async (url, init) => {
      const response = await send(url, init);
      for (const secret of secretsOf(init, response)) secrets.add(secret);
      return response;
    };
  const status = await runVerifyCommand(args, {
    env: {},
    print: (text) => void lines.out.push(text),
    tell: (text) => void lines.err.push(text),
    progress: (text = "") => void lines.progress.push(text),
    paint: (_style, text) => text,
    askHidden: undefined,
    clock: Date.now,
    random: randomBytes,
    applicationChecks: [],
    ...deps,
    fetch: watched(request),
    fetchAt: (host, address) => watched(fetchAt(host, address)),
  });
  const result = {
    status,
    out: lines.out.join("\n"),
    err: lines.err.join("\n"),
    progress: lines.progress,
  };
  const shown = [result.out, result.err, ...result.progress].join("\n");
  for (const secret of secrets) expect(shown).not.toContain(secret);
  // The output is wrapped, also inside commands.
  expect(shown.replace(/\s+/g, " ")).not.toMatch(INCOMPLETE);
  return result;
}

export async function runJson(args: readonly string[], deps?: Partial<VerifyDeps>) {
  const result = await run([...args, "--json"], deps);
  const json = JSON.parse(result.out) as Report;
  const ids = (outcome: string) =>
    json.checks.filter((check) => check.outcome === outcome).map(({ id }) => id);
  const text = (id: string) => JSON.stringify(json.checks.find((check) => check.id === id));
  return {
    ...result,
    json,
    failed: ids("failed"),
    skipped: ids("skipped"),
    text,
  } satisfies JsonRun;
}

/** Values of cookies in requests and responses, and of redirects' parameters. */
function secretsOf(init: RequestInit | undefined, { headers }: Response): string[] {
  const sent = new Headers(init?.headers);
  const cookies = [...headers.getSetCookie(), ...(sent.get("cookie") ?? "").split("; ")];
  const values = cookies.map((cookie) => /^[^=]*=([^;]*)/.exec(cookie)?.[1] ?? "");
  const location = URL.parse(headers.get("location") ?? "", "http://here.invalid");
  const parameters = [...(location?.searchParams.values() ?? [])];
  const tokens = [sent.get("x-csrf-token") ?? "", ...values, ...parameters];
  return tokens.filter((value) => value.length >= 20 && !/^A+$/.test(value));
}
