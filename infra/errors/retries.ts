/**
 * Retries of an operation, and the seconds before each: three minutes in all, because Google
 * propagates new APIs, grants and accounts with a delay.
 */
export const RETRIES = { attempts: 18, interval: 10 };

/** Resolves after that many seconds. */
export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
