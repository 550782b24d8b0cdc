/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  const upper = at(sorted, Math.floor(middle));
  return Number.isInteger(middle) ? (at(sorted, middle - 1) + upper) / 2 : upper;
}

/** The value that a share of all (0 to 1) is at most, by nearest rank; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  return at(sorted, Math.max(0, Math.ceil(sorted.length * share) - 1));
}

/**
 * How far the middle half of some numbers lies apart, as a share of their median: 0.1 says that it
 * is about 5 % around the median.
 */
export function spread(values: readonly number[]): number {
  if (values.length < 2) return 0;
  return (percentile(values, 0.75) - percentile(values, 0.25)) / median(values);
}

/**
 * The median of the ratios of two series that were measured in turns. Whatever slows the machine
 * down for a while slows down both, and so hardly shows in their ratio.
 */
export function medianRatio(values: readonly number[], bases: readonly number[]): number {
  const pairs = Math.min(values.length, bases.length);
  return median(Array.from({ length: pairs }, (_, turn) => at(values, turn) / at(bases, turn)));
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}
