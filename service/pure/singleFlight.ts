/** Runs a task for a key. Calls for the same key share the promise of the task in flight. */
type SingleFlight<Value> = (key: string, task: () => Promise<Value>) => Promise<Value>;

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
