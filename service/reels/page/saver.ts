import { type Order, sameOrder } from "./order.ts";

export type SavingState = "saved" | "saving" | "failed";

interface SaverDeps {
  /** Resolves when the service has confirmed the reel. */
  readonly save: (clips: Order) => Promise<void>;
  readonly onState: (state: SavingState, error?: unknown) => void;
}

/**
 * Saves a reel as it changes. One request is in flight at a time; of the changes made meanwhile
 * only the last is saved. Parallel requests would race, because each response replaces the data
 * cookie.
 */
export interface Saver {
  /** Sets the reel and starts to save it. */
  set(clips: Order): void;
  /** Saves again after a failure. */
  retry(): void;
  /** Sets a reel that the service has already saved. */
  confirm(clips: Order): void;
  /** The reel that the service last confirmed. */
  confirmed(): Order;
  /** Whether the reel differs from the confirmed one. */
  pending(): boolean;
  /** Stops saving; resolves when no request is in flight. */
  stop(): Promise<void>;
}

export function createSaver({ save, onState }: SaverDeps): Saver {
  let [wanted, confirmed]: [Order, Order] = [[], []];
  let running: Promise<void> | undefined;
  let stopped = false;

  const pending = () => !sameOrder(wanted, confirmed);

  async function run(): Promise<void> {
    try {
      while (!stopped && pending()) {
        const clips = wanted;
        onState("saving");
        try {
          await save(clips);
          confirmed = clips;
        } catch (error) {
          if (!sameOrder(clips, wanted)) continue;
          onState("failed", error);
          return;
        }
      }
      if (!stopped) onState("saved");
    } finally {
      running = undefined;
    }
  }

  function start(): void {
    if (stopped || running !== undefined) return;
    if (pending()) running = run();
    else onState("saved");
  }

  return {
    set(clips) {
      wanted = clips;
      start();
    },
    retry: start,
    confirm(clips) {
      wanted = clips;
      confirmed = clips;
    },
    confirmed: () => confirmed,
    pending,
    async stop() {
      stopped = true;
      await running;
    },
  };
}
