/** Records injected faults and their times, which excuse failed requests. */
export class KnownFaults {
  /** Number of times each fault was injected. */
  readonly counts: Record<string, number> = {};
  readonly #kills: number[] = [];
  readonly #terminations: number[] = [];
  readonly #outages: { readonly from: number; until: number }[] = [];

  count(fault: string): void {
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
  }

  /** Records that an instance is killed now. */
  kill(): void {
    this.#kills.push(performance.now());
  }

  /** Records that an instance is sent SIGTERM now, while the balancer goes on sending requests. */
  terminate(): void {
    this.#terminations.push(performance.now());
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
    return isAmong(this.#kills, from, until);
  }

  /** Whether an instance was sent SIGTERM between those times. */
  wasTerminated(from: number, until: number): boolean {
    return isAmong(this.#terminations, from, until);
  }

  /** Whether a key may have been unreadable for an instance between two times. */
  keysWereOut(from: number, until: number): boolean {
    return this.#outages.some((one) => one.from <= until && one.until + RECOVERY >= from);
  }
}

/** Milliseconds until the balancer has noticed that an instance ends. */
const END_TAKES = 1_000;

function isAmong(times: readonly number[], from: number, until: number): boolean {
  return times.some((at) => at >= from - END_TAKES && at <= until);
}

/** Recovery after an outage in milliseconds: a call's timeout, and the wait before a retry. */
const RECOVERY = 4_000;
