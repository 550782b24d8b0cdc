import { type Order, sameOrder } from "./order.ts";

/** The part of the browser's storage that drafts need. */
export interface DraftStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A reel as this browser last had it. */
export interface Draft {
  readonly clips: Order;
  /** The reel that the service last confirmed: what the draft was made from. */
  readonly base: Order;
}

/** One user's draft on this device: it outlives a session that ends while a reel is being made. */
export interface Drafts {
  read(): Draft | undefined;
  write(draft: Draft): void;
  clear(): void;
}

const KEY = "phoenix-reel";

/** There is one place for all users: whoever comes next does not leave an earlier one's reel. */
export function createDrafts(storage: DraftStorage | undefined, user: string): Drafts {
  return {
    read() {
      try {
        const stored: unknown = JSON.parse(storage?.getItem(KEY) ?? "null");
        if (isDraftOf(stored, user)) return { clips: stored.clips, base: stored.base };
      } catch {
        // Another program's value, or storage that is switched off: there is no draft.
      }
      return undefined;
    },
    write({ clips, base }) {
      try {
        storage?.setItem(KEY, JSON.stringify({ user, clips, base }));
      } catch {
        // Full or switched off: the reel is still saved by the service.
      }
    },
    clear() {
      try {
        storage?.removeItem(KEY);
      } catch {
        // Switched off: then nothing was kept.
      }
    },
  };
}

function isDraftOf(value: unknown, user: string): value is Draft {
  const { clips, base, user: owner } = (value ?? {}) as Record<string, unknown>;
  return owner === user && [clips, base].every(isOrder);
}

function isOrder(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((id) => typeof id === "string");
}

/** The reel to begin with, and whether the service has yet to be told of it. */
export interface Start {
  readonly clips: Order;
  readonly restored: boolean;
}

/**
 * Chooses between the service's reel (null: this session has none yet) and a draft. A draft wins
 * if the session is a new one, or if it was changed and nobody else changed the saved reel since.
 */
export function chooseStart(saved: Order | null, draft: Draft | undefined): Start {
  if (draft === undefined) return { clips: saved ?? [], restored: false };
  const wins = saved === null ? draft.clips.length > 0 : sameOrder(saved, draft.base);
  const clips = wins ? draft.clips : (saved ?? []);
  return { clips, restored: !sameOrder(clips, saved ?? []) };
}
