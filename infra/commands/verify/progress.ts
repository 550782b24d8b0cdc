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
