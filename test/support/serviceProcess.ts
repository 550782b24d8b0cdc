import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A parsed line of the log. */
type LogLine = Record<string, unknown>;

export interface ServiceProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; undefined if the process ended before it listened. */
  readonly url: string | undefined;
  readonly port: number;
  /** Parsed lines of standard output. */
  readonly lines: readonly LogLine[];
  /** Standard output and standard error as text. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

interface ServiceProcessOptions {
  /** The complete environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory; default: this process's. */
  readonly directory?: string;
  /** Arguments of Node; default: the source of the web service. */
  readonly program?: readonly string[];
}

const SOURCE = join(import.meta.dirname, "..", "..", "service", "server.ts");

/** Starts the web service in a process of its own. Resolves when it listens or has ended. */
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
