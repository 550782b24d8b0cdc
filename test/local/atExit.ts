const duties = new Set<() => void>();

/**
 * Has something done if this process exits, on whatever way; it can't be anything that takes time.
 * One listener does it all: Node takes many for a leak.
 *
 * @returns calls it off
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
