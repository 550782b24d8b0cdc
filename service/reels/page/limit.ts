/** Runs a task as soon as the limit allows. Settles like the task. */
type Limiter = <Result>(task: () => Promise<Result>) => Promise<Result>;

/** Limits how many tasks run at once. Waiting tasks start in the order of their calls. */
export function createLimiter(most: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // Hands the slot to the next waiter, so that a newcomer can't jump the queue.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
