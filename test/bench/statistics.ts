/** The median; NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  const upper = at(sorted, Math.floor(middle));
  return Number.isInteger(middle) ? (at(sorted, middle - 1) + upper) / 2 : upper;
}

/** The percentile for a share (0 to 1), by nearest rank; NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  return at(sorted, Math.max(0, Math.ceil(sorted.length * share) - 1));
}

/**
 * The interquartile range as a share of the median: 0.1 means that half of the values are within
 * about 5 % of the median.
 */
export function spread(values: readonly number[]): number {
  if (values.length < 2) return 0;
  return (percentile(values, 0.75) - percentile(values, 0.25)) / median(values);
}

/**
 * The median of the ratios of two series of alternating measurements. Temporary load on the machine
 * affects both, and so hardly changes the ratio.
 */
export function medianRatio(values: readonly number[], bases: readonly number[]): number {
  const pairs = Math.min(values.length, bases.length);
  return median(Array.from({ length: pairs }, (_, turn) => at(values, turn) / at(bases, turn)));
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}
