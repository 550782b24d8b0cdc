import { type Order, sameOrder } from "./order.ts";

/** The part of the browser's storage that drafts need. */
export interface DraftStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The reel as last changed in this browser. */
interface Draft {
  readonly clips: Order;
  /** The reel that the service last confirmed, which the draft is based on. */
  readonly base: Order;
}

/** One user's draft in this browser. It survives a session that ends before the reel is saved. */
export interface Drafts {
  read(): Draft | undefined;
  write(draft: Draft): void;
  clear(): void;
}

const KEY = "phoenix-reel";

/** All users share one storage key, so that a user's draft overwrites an earlier user's. */
export function createDrafts(storage: DraftStorage | undefined, user: string): Drafts {
  return {
    read() {
      try {
        const stored: unknown = JSON.parse(storage?.getItem(KEY) ?? "null");
        if (isDraftOf(stored, user)) return { clips: stored.clips, base: stored.base };
      } catch {
        // The value is not JSON, or storage is disabled: there is no draft.
      }
      return undefined;
    },
    write({ clips, base }) {
      try {
        storage?.setItem(KEY, JSON.stringify({ user, clips, base }));
      } catch {
        // Storage is full or disabled: the service still saves the reel.
      }
    },
    clear() {
      try {
        storage?.removeItem(KEY);
      } catch {
        // Storage is disabled: there is no draft.
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

/** The reel to start with, and whether it is a draft that the service has not saved. */
interface Start {
  readonly clips: Order;
  readonly restored: boolean;
}

/**
 * Chooses between the service's reel (null: this session has none yet) and a draft. In a session
 * without a reel a draft wins unless it is empty. Otherwise it wins only if the saved reel is the
 * one that it is based on.
 */
export function chooseStart(saved: Order | null, draft: Draft | undefined): Start {
  if (draft === undefined) return { clips: saved ?? [], restored: false };
  const wins = saved === null ? draft.clips.length > 0 : sameOrder(saved, draft.base);
  const clips = wins ? draft.clips : (saved ?? []);
  return { clips, restored: !sameOrder(clips, saved ?? []) };
}
