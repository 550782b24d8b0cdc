/** What was found out about texts of late. */
export interface Recent<Value> {
  get(text: string): Value | undefined;
  /** `text` is Latin-1, as what headers carry is. */
  set(text: string, value: Value): void;
}

interface Entry<Value> {
  readonly text: string;
  readonly value: Value;
}

/** Characters at a text's end by which it is looked up: a token ends in its authentication tag. */
const TAIL = 24;

/**
 * Remembers the last `size` texts at least, and twice as many at most: each time that many are
 * new, those that were not asked for since the last time go.
 */
export function createRecent<Value>(size: number): Recent<Value> {
  let fresh = new Map<string, Entry<Value>>();
  let stale = fresh;

  function keep(tail: string, entry: Entry<Value>): void {
    if (fresh.size >= size) {
      stale = fresh;
      fresh = new Map();
    }
    fresh.set(tail, entry);
  }

  return {
    get(text) {
      const tail = text.slice(-TAIL);
      let entry = fresh.get(tail);
      if (entry === undefined) {
        entry = stale.get(tail);
        if (entry !== undefined) keep(entry.text.slice(-TAIL), entry);
      }
      return entry?.text === text ? entry.value : undefined;
    },

    set(text, value) {
      // A part of a header would keep all of the header in memory.
      const own = Buffer.from(text, "latin1").toString("latin1");
      keep(own.slice(-TAIL), { text: own, value });
    },
  };
}
