import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What a process wrote in one line, taken apart if it is JSON. */
export type LogLine = Record<string, unknown>;

export interface ServiceProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; undefined if the process ended before it listened. */
  readonly url: string | undefined;
  readonly port: number;
  /** What it has written to standard output, a line each. */
  readonly lines: readonly LogLine[];
  /** What it has written to standard output and standard error, as it is. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export interface ServiceProcessOptions {
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder to run it in; this one's if left out. */
  readonly directory?: string;
  /** What Node runs; the web service's source if left out. */
  readonly program?: readonly string[];
}

const SOURCE = join(import.meta.dirname, "..", "..", "service", "server.ts");

/** Runs the web service in a process of its own; resolves when it listens or has ended. */
export async function startService({
  env,
  directory = import.meta.dirname,
  program = [SOURCE],
}: ServiceProcessOptions): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [...program], {
    cwd: directory,
    env: { PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: LogLine[] = [];
  let output = "";
  let port = 0;
  const listening = Promise.withResolvers<void>();
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    output += `${line}\n`;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    output += `${line}\n`;
    const parsed = JSON.parse(line) as LogLine;
    lines.push(parsed);
    if (parsed.event !== "listening") return;
    port = Number(parsed.port);
    listening.resolve();
  });
  await Promise.race([listening.promise, exited]);
  return {
    url: port === 0 ? undefined : `http://127.0.0.1:${port}`,
    port,
    lines,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
