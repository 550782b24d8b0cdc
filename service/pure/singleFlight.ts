/** Runs a task for a key, unless one is in flight for it: then all share that one's promise. */
export type SingleFlight<Value> = (key: string, task: () => Promise<Value>) => Promise<Value>;

export function createSingleFlight<Value>(): SingleFlight<Value> {
  const inFlight = new Map<string, Promise<Value>>();
  return (key, task) => {
    let running = inFlight.get(key);
    if (running === undefined) {
      running = task().finally(() => inFlight.delete(key));
      inFlight.set(key, running);
    }
    return running;
  };
}
