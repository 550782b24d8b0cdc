/**
 * Memoizes an asynchronous task. Calls share its promise; after a rejection the next call runs the
 * task again.
 */
export function once<Value>(task: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | undefined;
  return () => {
    running ??= task().catch((error: unknown) => {
      running = undefined;
      throw error;
    });
    return running;
  };
}
