/** Records injected faults and their times, which excuse failed requests. */
export class KnownFaults {
  /** Number of times each fault was injected. */
  readonly counts: Record<string, number> = {};
  readonly #kills: number[] = [];
  readonly #outages: { readonly from: number; until: number }[] = [];

  count(fault: string): void {
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
  }

  /** Records that an instance is killed now. */
  kill(): void {
    this.#kills.push(performance.now());
  }

  /**
   * Records the beginning of an outage of Secret Manager. The returned function records its end.
   */
  outage(): () => void {
    const outage = { from: performance.now(), until: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    return () => {
      outage.until = performance.now();
    };
  }

  /**
   * Records that an instance resumes, which may act on an outage that began before it was frozen.
   */
  thaw(frozenAt: number): void {
    const now = performance.now();
    if (this.keysWereOut(frozenAt, now)) this.#outages.push({ from: frozenAt, until: now });
  }

  /** Whether an instance was killed between two times of `performance.now`. */
  wasKilled(from: number, until: number): boolean {
    return this.#kills.some((at) => at >= from - KILL_TAKES && at <= until);
  }

  /** Whether a key may have been unreadable for an instance between two times. */
  keysWereOut(from: number, until: number): boolean {
    return this.#outages.some((one) => one.from <= until && one.until + RECOVERY >= from);
  }
}

/** Milliseconds until the balancer has noticed a kill. */
const KILL_TAKES = 1_000;

/** Recovery after an outage in milliseconds: a call's timeout, and the wait before a retry. */
const RECOVERY = 4_000;
