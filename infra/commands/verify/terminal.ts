import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { InterruptedError } from "./command.ts";

/**
 * Reads one line from a terminal without echo. In raw mode, because in line mode the terminal
 * echoes the line and truncates it at 4096 characters.
 *
 * @throws InterruptedError
 */
export async function readHidden(input: NodeJS.ReadableStream): Promise<string> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input, output, terminal: true, historySize: 0 });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  line.once("line", resolve);
  line.once("SIGINT", () => reject(new InterruptedError()));
  // The end of the input, as with Ctrl-D.
  line.once("close", () => resolve(""));
  return await promise.finally(() => line.close());
}

/** An output stream, as `process.stderr` is. */
interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Moves the cursor to the line's beginning and erases the line. */
const ERASE = "\r\u001b[K";

/**
 * Returns a function that replaces the progress line, or removes it if called without a text. It
 * writes nothing if the stream is not a terminal.
 */
export function createProgress(stream: ProgressStream): (text?: string) => void {
  if (!stream.isTTY) return () => undefined;
  return (text) => {
    // A line that the terminal wraps can't be erased.
    const shown = text === undefined ? "" : `${text}…`.slice(0, (stream.columns ?? 80) - 1);
    stream.write(`${ERASE}${shown}`);
  };
}
