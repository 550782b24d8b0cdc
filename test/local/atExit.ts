const duties = new Set<() => void>();

/**
 * Runs a synchronous function if this process exits, in any way.
 * All share one listener, because Node warns of a leak if there are many.
 *
 * @returns a function that cancels it
 */
export function atExit(duty: () => void): () => void {
  if (duties.size === 0) process.on("exit", doAll);
  duties.add(duty);
  return () => {
    duties.delete(duty);
    if (duties.size === 0) process.off("exit", doAll);
  };
}

function doAll(): void {
  for (const duty of duties) duty();
}
