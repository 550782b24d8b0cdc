import { InterruptedError } from "./command.ts";

/** A terminal's input, as `process.stdin` is. */
export interface TerminalInput extends NodeJS.ReadableStream {
  setRawMode(raw: boolean): unknown;
}

/**
 * Reads one line from a terminal without echo. In raw mode, because in line mode the terminal
 * echoes the line and truncates it at 4096 characters.
 *
 * @throws InterruptedError
 */
export async function readHidden(input: TerminalInput): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = "";
  function onData(chunk: Buffer | string): void {
    for (const character of chunk.toString()) {
      if (character === "\r" || character === "\n" || character === "\u0004") resolve(line);
      else if (character === "\u0003") reject(new InterruptedError());
      else if (character === "\u007f" || character === "\b") line = line.slice(0, -1);
      else line += character;
    }
  }
  const onEnd = () => resolve(line);
  input.setRawMode(true);
  input.on("data", onData).once("end", onEnd).resume();
  try {
    return await promise;
  } finally {
    input.off("data", onData).off("end", onEnd).pause();
    input.setRawMode(false);
  }
}

/** An output stream, as `process.stderr` is. */
export interface ProgressStream {
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
