import { once } from "node:events";
import type { ChildServer } from "./childServer.ts";

/** Memory in use after a garbage collection, in bytes. */
export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** Memory of a server that was started with `memoryControl.ts` and `ipc`. */
export async function memoryOf({ process: child }: ChildServer): Promise<Memory> {
  const answer = once(child, "message");
  child.send("memory");
  const [memory] = await answer;
  return memory as Memory;
}

export function inUse({ heapUsed, external }: Memory): number {
  return heapUsed + external;
}
