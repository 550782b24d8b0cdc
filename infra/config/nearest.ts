/** The name that a misspelt one probably stands for; undefined if none is close enough. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  const written = plain(name);
  let found: string | undefined;
  // Up to a third of the letters may be wrong.
  let best = written.length / 3;
  for (const candidate of names) {
    const distance = distanceOf(written, plain(candidate));
    if (distance > best || (distance === best && found !== undefined)) continue;
    best = distance;
    found = candidate;
  }
  return found;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** https://en.wikipedia.org/wiki/Levenshtein_distance */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
