/** Runs a task as soon as fewer than so many are running; its result is the task's. */
export type Limiter = <Result>(task: () => Promise<Result>) => Promise<Result>;

/** Bounds how many tasks run at once. Those that wait are started in the order they came. */
export function createLimiter(most: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // Its place goes to the next one, so nobody who comes meanwhile gets in between.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
