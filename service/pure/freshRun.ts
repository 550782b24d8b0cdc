/**
 * Wraps a task for callers who need a result that is newer than their call: each gets a run that
 * begins after it, shared by all who call before it begins.
 * @param pause called as a run begins; the next one begins when the pause has resolved too
 */
export function createFreshRun<Result>(
  task: () => Promise<Result>,
  pause: () => Promise<unknown> = async () => undefined,
): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;

  async function begin(): Promise<Result> {
    await last;
    next = undefined;
    const run = task();
    last = Promise.allSettled([run, pause()]);
    return run;
  }

  return () => {
    next ??= begin();
    return next;
  };
}
