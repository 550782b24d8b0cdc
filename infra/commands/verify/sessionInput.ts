import { sessionCookie } from "../../../service/session/cookie.ts";
import { UsageError } from "../commandLine.ts";
import { isSessionName } from "./site/setCookie.ts";

/** A session's cookie. */
export interface HeldCookie {
  readonly name: string;
  readonly value: string;
}

/** What RFC 6265, 4.1.1 allows in a cookie's value, and no more than browsers keep. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/;

/**
 * The session that somebody gave: a cookie's value, or `name=value` as developer tools copy it.
 * @throws UsageError, without a word of what was given
 */
export function parseSession(text: string, https: boolean): HeldCookie {
  const [, named, rest] = /^([\w-]+)=(.*)$/s.exec(text.trim()) ?? [];
  const cookie =
    named !== undefined && rest !== undefined && isSessionName(named)
      ? { name: named, value: rest.trim() }
      : { name: sessionCookie(https).name, value: text.trim() };
  if (COOKIE_VALUE.test(cookie.value)) return cookie;
  throw new UsageError(
    "What was given as the session is no cookie's value. Copy the value of the cookie alone, all of it.",
  );
}

/** The part of a terminal's input that is used. */
export interface TerminalInput extends NodeJS.ReadableStream {
  setRawMode(raw: boolean): unknown;
}

/** The user pressed Ctrl-C. */
export class InterruptedError extends Error {
  readonly code = "INTERRUPTED";
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
