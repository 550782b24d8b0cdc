/** A bounded map: keeps at least the last `size / 2` new keys, and at most `size`. */
export interface RecentEntries<Value> {
  get(key: string): Value | undefined;
  /** Sets the key's value and returns the evicted values. */
  set(key: string, value: Value): Iterable<Value>;
}

/**
 * Two maps, of which the older is dropped as a whole when the newer is full. Removing the first
 * entry of one map again and again would be simpler, and takes quadratic time in V8: its iterators
 * step over every removed entry.
 */
export function createRecentEntries<Value>(size: number): RecentEntries<Value> {
  let newer = new Map<string, Value>();
  let older = new Map<string, Value>();

  return {
    get: (key) => newer.get(key) ?? older.get(key),

    set(key, value) {
      newer.set(key, value);
      if (newer.size < size / 2) return [];
      const forgotten = older;
      older = newer;
      newer = new Map();
      return forgotten.values();
    },
  };
}
