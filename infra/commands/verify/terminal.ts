import { InterruptedError } from "./command.ts";

/** The part of a terminal's input that is used. */
export interface TerminalInput extends NodeJS.ReadableStream {
  setRawMode(raw: boolean): unknown;
}

/**
 * Reads one line from a terminal that shows nothing of it. Raw, because a terminal that collects
 * lines by itself cuts them off at 4096 characters and shows them.
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

/** The part of a stream that is used. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** To the line's beginning, and nothing after it. */
const ERASE = "\r\u001b[K";

/**
 * Shows a line in place of the one before; without a text, takes it away. Nothing at all where it
 * is no terminal.
 */
export function createProgress(stream: ProgressStream): (text?: string) => void {
  if (!stream.isTTY) return () => undefined;
  return (text) => {
    // A line that the terminal breaks could not be taken away again.
    const shown = text === undefined ? "" : `${text}…`.slice(0, (stream.columns ?? 80) - 1);
    stream.write(`${ERASE}${shown}`);
  };
}
