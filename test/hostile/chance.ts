/** Seeded random choices: the same seed gives the same choices. */
export interface Chance {
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number from 0 up to, not including, the limit. */
  below(limit: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** The items in random order. */
  shuffle<Item>(items: readonly Item[]): Item[];
  bytes(length: number): Buffer;
}

/** A variable's value as a seed; without one, a new seed. */
export function seedFrom(text: string | undefined): number {
  const given = Number(text);
  return text && Number.isSafeInteger(given) ? given >>> 0 : Date.now() % 2 ** 31;
}

/** Mulberry32: small and fast, and not cryptographically secure. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  function below(limit: number): number {
    return Math.floor(next() * limit);
  }

  return {
    next,
    below,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError("There is nothing to pick from.");
      return item;
    },
    shuffle(items) {
      const shuffled = [...items];
      for (let last = shuffled.length - 1; last > 0; last -= 1) {
        const other = below(last + 1);
        [shuffled[last], shuffled[other]] = [
          shuffled[other] as (typeof shuffled)[number],
          shuffled[last] as (typeof shuffled)[number],
        ];
      }
      return shuffled;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
