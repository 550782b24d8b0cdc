/** What is known to be wrong, and when: what excuses an answer that is not a whole one. */
export class KnownFaults {
  /** How often each fault was done. */
  readonly counts: Record<string, number> = {};
  readonly #kills: number[] = [];
  readonly #outages: { readonly from: number; until: number }[] = [];

  count(fault: string): void {
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
  }

  /** An instance is about to end in the middle of what it does. */
  kill(): void {
    this.#kills.push(performance.now());
  }

  /** Secret Manager fails from now on, until what is returned is called. */
  outage(): () => void {
    const outage = { from: performance.now(), until: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    return () => {
      outage.until = performance.now();
    };
  }

  /** An instance that was frozen at that time goes on, with what it was told before. */
  thaw(frozenAt: number): void {
    const now = performance.now();
    if (this.keysWereOut(frozenAt, now)) this.#outages.push({ from: frozenAt, until: now });
  }

  /** Whether an instance was killed between two times of `performance.now`. */
  wasKill(from: number, until: number): boolean {
    return this.#kills.some((at) => at >= from - KILL_TAKES && at <= until);
  }

  /** Whether a key may have been unreadable for an instance between two times. */
  keysWereOut(from: number, until: number): boolean {
    return this.#outages.some((one) => one.from <= until && one.until + RECOVERY >= from);
  }
}

/** Milliseconds until a kill is seen by everyone. */
const KILL_TAKES = 1_000;

/** Milliseconds after an outage: a call's time-out, then the pause before a look-up is repeated. */
const RECOVERY = 4_000;
