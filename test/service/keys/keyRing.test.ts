import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  chooseSigner,
  type KeyVersion,
  maySign,
  RETIREMENT_MARGIN,
  retirable,
} from "../../../service/keys/keyRing.ts";

const POLICY = { activationDelay: 1800, sessionLifetime: 604_800 };
const NOW = 10_000_000;

function version(number: number, age: number, rest: Partial<KeyVersion> = {}): KeyVersion {
  return { version: number, state: "ENABLED", createTime: NOW - age, ...rest };
}

function signer(...versions: KeyVersion[]): number | undefined {
  return chooseSigner(versions, POLICY, NOW)?.version;
}

describe("the key that signs", () => {
  test("is the newest that is at least the activation delay old", () => {
    expect(signer(version(1, 9000), version(2, 1800), version(3, 1799))).toBe(2);
    expect(signer(version(3, 1801), version(1, 9000), version(2, 1900))).toBe(3);
  });

  test("is the oldest if none is old enough", () => {
    expect(signer(version(5, 10), version(4, 20), version(6, 0))).toBe(4);
  });

  test("is undefined without versions", () => {
    expect(signer()).toBeUndefined();
  });

  test("is the same on two machines whose clocks differ, except while a key becomes active", () => {
    expect(chooseSigner([version(1, 9000), version(2, 3600)], POLICY, NOW + 600)?.version).toBe(2);
    expect(chooseSigner([version(1, 9000), version(2, 3600)], POLICY, NOW - 600)?.version).toBe(2);
  });
});

describe("a version may sign", () => {
  const patience = POLICY.activationDelay + RETIREMENT_MARGIN;

  test("beside its successor, until that has signed for the margin", () => {
    const [old, successor] = [version(1, 9e6), (age: number) => version(2, age)];
    expect(maySign(old, [old, successor(patience - 1)], NOW, POLICY, NOW)).toBe(true);
    expect(maySign(old, [old, successor(patience)], NOW, POLICY, NOW)).toBe(false);
  });

  test("based on a list of limited age, because there may be a successor", () => {
    const newest = version(1, 9e6);
    expect(maySign(newest, [newest], NOW - patience + 1, POLICY, NOW)).toBe(true);
    expect(maySign(newest, [newest], NOW - patience, POLICY, NOW)).toBe(false);
  });

  test("only if no rotation retires it before a new session of it expires", () => {
    const ages = fc.array(fc.integer({ min: 0, max: 3e6 }), { minLength: 1, maxLength: 8 });
    const later = fc.array(fc.nat({ max: POLICY.sessionLifetime }), { maxLength: 4 });
    fc.assert(
      fc.property(ages, fc.nat({ max: 2 * patience }), later, (known, listAge, unknown) => {
        const asOf = NOW - listAge;
        const enabled = known
          .toSorted((a, b) => b - a)
          .map((age, index) => version(index + 1, age + listAge));
        // Versions that were added after the list was read, up to the session's end.
        const all = [...enabled];
        for (const time of unknown.toSorted((a, b) => a - b)) {
          all.push({ ...version(all.length + 1, 0), createTime: asOf + time });
        }
        const signing = chooseSigner(enabled, POLICY, NOW);
        if (signing === undefined || !maySign(signing, enabled, asOf, POLICY, NOW)) return;
        const lastSecond = NOW + POLICY.sessionLifetime - 1;
        expect(retirable(all, POLICY, lastSecond)).not.toContain(signing);
      }),
    );
  });
});

describe("a version may be destroyed", () => {
  const settled = POLICY.activationDelay + POLICY.sessionLifetime + RETIREMENT_MARGIN;

  test("when its successor has signed for a session lifetime and the margin, not a second before", () => {
    expect(retirable([version(1, 9e6), version(2, settled - 1)], POLICY, NOW)).toEqual([]);
    expect(retirable([version(1, 9e6), version(2, settled)], POLICY, NOW)).toEqual([
      version(1, 9e6),
    ]);
  });

  test("not if the successor is disabled", () => {
    const versions = [version(1, 9e6), version(2, settled, { state: "DISABLED" })];
    expect(retirable(versions, POLICY, NOW)).toEqual([]);
  });

  test("even if it is disabled, but not if it is destroyed or scheduled for destruction", () => {
    const disabled = version(1, 9e6, { state: "DISABLED" });
    const going = version(2, 9e6, { state: "DISABLED", scheduledDestroyTime: NOW + 5 });
    const gone = version(3, 9e6, { state: "DESTROYED" });
    expect(retirable([disabled, going, gone, version(4, settled)], POLICY, NOW)).toEqual([
      disabled,
    ]);
  });

  // ASVS 11.1.1
  test("never if it signs, or can have signed a session that is still valid", () => {
    const versions = fc
      .uniqueArray(
        fc.record({
          version: fc.integer({ min: 1, max: 50 }),
          state: fc.constantFrom("ENABLED" as const, "DISABLED" as const, "DESTROYED" as const),
          age: fc.integer({ min: 0, max: 3_000_000 }),
        }),
        { selector: ({ version }) => version, maxLength: 12 },
      )
      .map((list) => {
        // Higher numbers are never older.
        const ages = list.map(({ age }) => age).sort((a, b) => b - a);
        return list
          .toSorted((a, b) => a.version - b.version)
          .map((entry, index) => version(entry.version, ages[index] ?? 0, { state: entry.state }));
      });
    fc.assert(
      fc.property(versions, (all) => {
        const enabled = all.filter(({ state }) => state === "ENABLED");
        // The enabled versions that signed at some time within the last lifetime.
        const needed = new Set<number | undefined>();
        for (let ago = 0; ago <= POLICY.sessionLifetime; ago += 43_200) {
          const then = enabled.filter(({ createTime }) => createTime <= NOW - ago);
          needed.add(chooseSigner(then, POLICY, NOW - ago)?.version);
        }
        for (const { version } of retirable(all, POLICY, NOW))
          expect(needed).not.toContain(version);
      }),
    );
  });
});
