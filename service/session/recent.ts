/** What was found out about texts that come again and again. */
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
 *
 * The first time, only a text's end is noted, and its value is kept from the second time on. Values
 * that nobody asks for again would outlive their requests, and cost more memory than all the rest.
 */
export function createRecent<Value>(size: number): Recent<Value> {
  let fresh = new Map<string, Entry<Value> | undefined>();
  let stale = fresh;

  function keep(tail: string, entry: Entry<Value> | undefined): void {
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
      const tail = copyOf(text.slice(-TAIL));
      const again = fresh.has(tail) || stale.has(tail);
      keep(tail, again ? { text: copyOf(text), value } : undefined);
    },
  };
}

/** A part of a header would keep all of the header in memory. */
function copyOf(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
