import { type Order, sameOrder } from "./order.ts";

export type SavingState = "saved" | "saving" | "failed";

export interface SaverDeps {
  /** Resolves when the service has confirmed the reel. */
  readonly save: (clips: Order) => Promise<void>;
  readonly onState: (state: SavingState, error?: unknown) => void;
}

/**
 * Saves a reel as it changes: one request at a time, and of all changes made meanwhile the last.
 * Two requests at once would race, as each answer replaces the session's cookie.
 */
export interface Saver {
  /** The reel is now this one. */
  set(clips: Order): void;
  /** Tries again after a failure. */
  retry(): void;
  /** The service has this reel already: there is nothing to save. */
  confirm(clips: Order): void;
  /** The reel that the service last confirmed. */
  confirmed(): Order;
  /** Whether something has yet to be saved. */
  pending(): boolean;
  /** Saves nothing more; resolves when no request is on its way. */
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
