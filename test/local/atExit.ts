const handlers = new Set<() => void>();

/**
 * Runs a synchronous function when this process exits, in any way. All share one listener, because
 * Node warns of a leak if there are many.
 *
 * @returns a function that cancels it
 */
export function atExit(handler: () => void): () => void {
  if (handlers.size === 0) process.on("exit", runAll);
  handlers.add(handler);
  return () => {
    handlers.delete(handler);
    if (handlers.size === 0) process.off("exit", runAll);
  };
}

function runAll(): void {
  for (const handler of handlers) handler();
}
