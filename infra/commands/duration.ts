/** A duration for people, in the largest unit of which there are at least two, rounded down. */
export function duration(seconds: number): string {
  const units = [
    [86_400, "days"],
    [3600, "h"],
    [60, "min"],
  ] as const;
  const [size, name] = units.find(([unit]) => seconds >= 2 * unit) ?? [1, "s"];
  return `${Math.floor(Math.max(0, seconds) / size)} ${name}`;
}
