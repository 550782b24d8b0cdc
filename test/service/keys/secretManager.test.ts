import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { SessionKey } from "../../../service/keys/sessionKeys.ts";
import {
  createKeyBench,
  ENDPOINT,
  type InstanceKeys,
  type KeyBench,
  OUTAGES,
  SECRET,
} from "../../support/keyBench.ts";

/** A bench with an old version, and an instance that has read it. */
async function started(options?: Parameters<KeyBench["keys"]>[0]) {
  const bench = createKeyBench();
  bench.add();
  await bench.time.advance(7200);
  const keys = bench.keys(options);
  expect(await bench.time.settle(keys.readiness())).toEqual({ ready: true });
  return { ...bench, keys };
}

/** Refreshes and waits as a request does. */
function request(bench: Pick<KeyBench, "time">, keys: InstanceKeys): Promise<unknown> {
  return bench.time.settle(keys.refresh());
}

async function find(bench: Pick<KeyBench, "time">, keys: InstanceKeys, kid: number | string) {
  return (await bench.time.settle(keys.find(String(kid)))).status;
}

function payloadOf(key: SessionKey | undefined): string | undefined {
  return key?.secret.export().toString();
}

describe("accepting", () => {
  test("any enabled version is accepted", async () => {
    const bench = createKeyBench();
    const versions = [bench.add(), bench.add(), bench.add()];
    const keys = bench.keys();
    await bench.time.settle(keys.readiness());
    for (const version of versions) {
      const found = await keys.find(String(version));
      expect(found).toMatchObject({ status: "found", key: { kid: String(version) } });
    }
    expect(bench.standIn.calls).toMatchObject({ list: 1, access: 4, get: 0 });
  });

  test("disabled and destroyed versions are refused without a call", async () => {
    const bench = createKeyBench();
    for (let i = 0; i < 3; i += 1) bench.add();
    bench.disable(1);
    bench.standIn.store.destroy(SECRET.project, SECRET.name, "2");
    const keys = bench.keys();
    await bench.time.settle(keys.readiness());
    const before = { ...bench.standIn.calls };
    expect(keys.find("1")).toEqual({ status: "retired" });
    expect(keys.find("2")).toEqual({ status: "retired" });
    expect(bench.standIn.calls).toEqual(before);
  });

  test("a re-enabled version is accepted again", async () => {
    const { keys, ...bench } = await started();
    bench.add();
    bench.disable(1);
    await bench.time.advance(121);
    await request(bench, keys);
    expect(await find(bench, keys, 1)).toBe("retired");
    bench.enable(1);
    await bench.time.advance(121);
    await request(bench, keys);
    expect(await find(bench, keys, 1)).toBe("found");
  });

  test("a key stays the same object while its payload is unchanged", async () => {
    const { keys, ...bench } = await started();
    const before = keys.signer();
    await bench.time.advance(600);
    await request(bench, keys);
    expect(keys.signer()).toBe(before);
  });
});

describe("signing", () => {
  test("a new key is accepted at once, and signs after the activation delay", async () => {
    const { keys, ...bench } = await started();
    bench.add();
    await bench.time.advance(121);
    await request(bench, keys);
    expect(await find(bench, keys, 2)).toBe("found");
    expect(keys.signer()?.kid).toBe("1");
    await bench.time.advance(1800 - 122);
    expect(keys.signer()?.kid).toBe("1");
    await bench.time.advance(1);
    expect(keys.signer()?.kid).toBe("2");
  });
});

describe("signing with outdated keys", () => {
  test("ends when a successor could have retired them: existing sessions are accepted, and new ones wait", async () => {
    const { keys, ...bench } = await started();
    bench.standIn.fail({ fault: "unreachable" });
    await bench.time.advance(86_400);
    await request(bench, keys);
    expect(keys.signer()?.kid).toBe("1");
    await bench.time.advance(1800);
    await request(bench, keys);
    expect(keys.signer()).toBeUndefined();
    expect(await find(bench, keys, 1)).toBe("found");
    expect(await bench.time.settle(keys.readiness())).toMatchObject({ ready: false });
    bench.standIn.heal();
    await bench.time.advance(72);
    await request(bench, keys);
    await bench.time.advance(0);
    expect(keys.signer()?.kid).toBe("1");
    expect(await keys.readiness()).toEqual({ ready: true });
  });

  test("never begins at an instance that can't read their successor", async () => {
    const bench = createKeyBench();
    bench.add();
    await bench.time.advance(9000);
    bench.add();
    const unreadable: typeof fetch = (input, init) =>
      String(input).endsWith("/2:access")
        ? Promise.resolve(new Response("", { status: 500 }))
        : bench.standIn.fetch(input, init);
    const early = bench.keys({ fetch: unreadable });
    await bench.time.settle(early.readiness());
    expect(early.signer()?.kid).toBe("1");
    await bench.time.advance(86_400 + 1800);
    const late = bench.keys({ fetch: unreadable });
    expect(await bench.time.settle(late.readiness())).toMatchObject({ ready: false });
    expect(late.signer()).toBeUndefined();
    expect(await find(bench, late, 1)).toBe("found");
  });

  test("ends too if a newer key can be read, but not its age", async () => {
    const { keys, ...bench } = await started();
    bench.standIn.setLag(1e9);
    bench.standIn.fail({ fault: "unreachable", on: ["get"] });
    bench.add();
    await bench.time.advance(86_400);
    await request(bench, keys);
    expect(await find(bench, keys, 2)).toBe("found");
    expect(keys.signer()?.kid).toBe("1");
    await bench.time.advance(1800);
    expect(keys.signer()).toBeUndefined();
    bench.standIn.heal();
    await bench.time.advance(72);
    await request(bench, keys);
    await bench.time.advance(0);
    expect(keys.signer()?.kid).toBe("2");
  });

  test("continues beside a newer version that is not a valid key", async () => {
    const { keys, ...bench } = await started();
    bench.add("too short");
    for (let day = 0; day < 5; day += 1) {
      await bench.time.advance(86_400);
      await request(bench, keys);
      expect(keys.signer()?.kid).toBe("1");
    }
  });
});

describe("refreshing", () => {
  test("a ring older than two intervals is refreshed before the request is answered", async () => {
    const { keys, ...bench } = await started();
    bench.disable(1);
    bench.add();
    await bench.time.advance(120);
    const waiting = keys.refresh();
    expect(waiting).toBeInstanceOf(Promise);
    await bench.time.settle(waiting);
    expect(await find(bench, keys, 1)).toBe("retired");
    expect(keys.signer()?.kid).toBe("2");
  });

  test("a request waits at most two seconds, and then uses the known keys", async () => {
    const { keys, ...bench } = await started();
    await bench.time.advance(3600);
    bench.standIn.fail({ fault: "hang" });
    const begin = bench.time.now();
    await request(bench, keys);
    expect(bench.time.now() - begin).toBe(2);
    expect(await find(bench, keys, 1)).toBe("found");
  });

  test("reads the list once, and then versions by number, which have the larger quota", async () => {
    const { keys, ...bench } = await started();
    bench.add();
    for (let minute = 0; minute < 10; minute += 1) {
      await bench.time.advance(120);
      await request(bench, keys);
    }
    expect(keys.find("2")).toMatchObject({ status: "found" });
    // At the start version 1 and the number above; then once more with version 2.
    expect(bench.standIn.calls).toMatchObject({ list: 1, get: 1, access: 2 + 10 * 3 });
  });

  test("each refresh is logged with the signing kid and the newest key's age", async () => {
    const { keys } = await started();
    expect(keys.lines).toEqual([
      {
        level: "info",
        event: "key_ring_refreshed",
        versions: ["1"],
        signing_kid: "1",
        newest_key_age: 7200,
        message: "The versions of SECRET_KEY were read",
      },
    ]);
  });
});

describe("a list that lags", () => {
  test("does not hide a new key: a new instance accepts it", async () => {
    const bench = createKeyBench();
    bench.add();
    await bench.time.advance(7200);
    bench.standIn.setLag(3600);
    bench.add();
    bench.add();
    const keys = bench.keys();
    await bench.time.settle(keys.readiness());
    expect(keys.find("3")).toMatchObject({ status: "found" });
    await bench.time.advance(1800);
    expect(keys.signer()?.kid).toBe("3");
  });

  test("does not hide a disabled key: it is refused within two intervals", async () => {
    const { keys, ...bench } = await started();
    bench.add();
    bench.standIn.setLag(86_400);
    bench.disable(1);
    await bench.time.advance(120);
    await request(bench, keys);
    expect(await find(bench, keys, 1)).toBe("retired");
    await bench.time.advance(120);
    await request(bench, keys);
    expect(await find(bench, keys, 1)).toBe("retired");
    expect(keys.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("does not remove a key that was read by number", async () => {
    const { keys, ...bench } = await started();
    bench.standIn.setLag(86_400);
    bench.add();
    expect(await find(bench, keys, 2)).toBe("found");
    await bench.time.advance(300);
    await request(bench, keys);
    expect(keys.find("2")).toMatchObject({ status: "found" });
    bench.disable(2);
    await bench.time.advance(120);
    await request(bench, keys);
    expect(keys.find("2")).toEqual({ status: "retired" });
  });

  test("and omits versions does not hide them", async () => {
    const bench = createKeyBench();
    for (let i = 0; i < 3; i += 1) bench.add();
    bench.standIn.setLag(86_400);
    for (let i = 0; i < 3; i += 1) bench.add();
    await bench.time.advance(86_400 - 1);
    const keys = bench.keys();
    await bench.time.settle(keys.readiness());
    for (let kid = 1; kid <= 6; kid += 1) {
      expect(keys.find(String(kid))).toMatchObject({ status: "found" });
    }
  });
});

describe("an unknown key", () => {
  test("is read by number, once for concurrent requests", async () => {
    const { keys, ...bench } = await started();
    bench.add();
    const found = await bench.time.settle(
      Promise.all(Array.from({ length: 40 }, () => keys.find("2"))),
    );
    expect(new Set(found.map(({ status }) => status))).toEqual(new Set(["found"]));
    expect(bench.standIn.calls).toMatchObject({ access: 2 + 2, get: 1 });
    expect(keys.find("2")).toMatchObject({ status: "found" });
  });

  test("is looked up only if it is a version number", async () => {
    const { keys, ...bench } = await started();
    const before = { ...bench.standIn.calls };
    const made = ["0", "01", "-1", "1.0", "1e3", "1234567890", "1 ", "１"];
    for (const kid of ["", "latest", "../1", "__proto__", ...made]) {
      expect(keys.find(kid)).toEqual({ status: "unknown" });
    }
    expect(bench.standIn.calls).toEqual(before);
  });

  test("and is above the newest one is settled by one probe that begins after the request", async () => {
    const { keys, ...bench } = await started();
    const before = bench.standIn.calls.access;
    const first = bench.time.settle(keys.find("2"));
    await bench.time.advance(0);
    expect((await first).status).toBe("unknown");
    bench.add();
    bench.disable(1);
    // Another instance signs with it already.
    expect(await find(bench, keys, 2)).toBe("found");
    expect(bench.standIn.calls.access).toBe(before + 3);
  });

  test("several above the newest is found by reading one after the other", async () => {
    const { keys, ...bench } = await started();
    for (let version = 2; version <= 6; version += 1) bench.add();
    bench.disable(3);
    bench.standIn.store.destroy(SECRET.project, SECRET.name, "4");
    expect(await find(bench, keys, 6)).toBe("found");
    expect([2, 3, 4, 5].map((kid) => keys.find(String(kid)))).toMatchObject([
      { status: "found" },
      { status: "retired" },
      { status: "retired" },
      { status: "found" },
    ]);
    expect(await find(bench, keys, 7)).toBe("unknown");
  });

  test("in a flood of invented ids costs one call a second, and none gets a 503", async () => {
    const { keys, ...bench } = await started();
    const before = { ...bench.standIn.calls };
    const begin = bench.time.now();
    for (let round = 0; round < 10; round += 1) {
      const kids = Array.from({ length: 400 }, (_, index) => String(2 + index * 997));
      const found = await bench.time.settle(Promise.all(kids.map((kid) => keys.find(kid))));
      expect(new Set(found.map(({ status }) => status))).toEqual(new Set(["unknown"]));
    }
    expect(bench.standIn.calls.access - before.access).toBeLessThanOrEqual(10);
    expect(bench.time.now() - begin).toBeLessThanOrEqual(10);
    expect(bench.standIn.calls).toMatchObject({ list: before.list, get: before.get });
  });

  test("in a flood gets no 503 after one failed call, and the flood costs one call a second", async () => {
    for (const [fault] of OUTAGES.filter(([name]) => name !== "unreachable")) {
      const { keys, ...bench } = await started();
      const { access } = bench.standIn.calls;
      const begin = bench.time.now();
      bench.standIn.fail({ fault, on: ["access"], times: 1 });
      const kids = Array.from({ length: 400 }, (_, index) => String(2 + index));
      const found = await bench.time.settle(Promise.all(kids.map((kid) => keys.find(kid))));
      expect(new Set(found.map(({ status }) => status))).toEqual(new Set(["unknown"]));
      expect(bench.standIn.calls.access - access).toBe(2);
      expect(bench.time.now() - begin).toBeGreaterThanOrEqual(1);
    }
  });

  test("in any mix with invented ids every real key is found, none is unavailable, and calls are limited", async () => {
    const stepOf = fc.record({
      wait: fc.constantFrom(0, 0, 0.3, 1, 5),
      add: fc.integer({ min: 0, max: 2 }),
      disable: fc.boolean(),
      real: fc.boolean(),
      kids: fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1e8 })), {
        maxLength: 8,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(stepOf, { maxLength: 10 }), async (steps) => {
        const { keys, ...bench } = await started();
        bench.standIn.setLag(1e9);
        const before = { ...bench.standIn.calls };
        const begin = bench.time.now();
        const disabled = new Set<number>();
        let newest = 1;
        for (const { wait, add, disable, real, kids } of steps) {
          await bench.time.advance(wait);
          const strangers = kids.map((kid) => ({ kid, found: keys.find(String(kid)), newest }));
          for (let count = 0; count < add; count += 1) newest = bench.add();
          if (disable && newest > 1 && !disabled.has(newest)) {
            bench.disable(newest);
            disabled.add(newest);
          }
          if (real) {
            // A key that was known before it was disabled is accepted for two intervals.
            const expected = disabled.has(newest) ? /^(retired|found)$/ : /^found$/;
            expect(await find(bench, keys, newest)).toMatch(expected);
          }
          for (const stranger of strangers) {
            const { status } = await bench.time.settle(stranger.found);
            if (stranger.kid > newest) expect(status).toBe("unknown");
            else if (stranger.kid <= stranger.newest) expect(status).toMatch(/^(found|retired)$/);
            else expect(status).not.toBe("unavailable");
          }
        }
        const seconds = bench.time.now() - begin;
        // One probe a second, and for each new version its payload, age and state.
        const { access, get } = bench.standIn.calls;
        expect(access + get - before.access - before.get).toBeLessThanOrEqual(
          seconds + 2 + 3 * newest,
        );
      }),
      { numRuns: 40 },
    );
  });

  test("is unavailable during any outage, which signs nobody out", async () => {
    const { keys, ...bench } = await started();
    for (const [fault] of OUTAGES) {
      bench.add();
      bench.standIn.fail({ fault });
      const { access } = bench.standIn.calls;
      const found = await bench.time.settle(Promise.all([keys.find("2"), keys.find("99")]));
      expect(found).toEqual(Array(2).fill({ status: "unavailable", retryAfter: 5 }));
      // A call whose connection broke is retried at once, because an idle connection may have
      // closed.
      expect(bench.standIn.calls.access - access).toBe(fault === "unreachable" ? 4 : 2);
      expect(keys.lines.at(-1)).toMatchObject({ event: "key_lookup_failed", kid: "2" });
      bench.standIn.heal();
    }
    expect(await find(bench, keys, 2)).toBe("found");
  });

  test("that is disabled ends the session, once its state has been read", async () => {
    const { keys, ...bench } = await started();
    bench.add();
    bench.disable(2);
    bench.standIn.fail({ fault: "internal", on: ["get"], times: 2 });
    expect(await find(bench, keys, 2)).toBe("unavailable");
    expect(await find(bench, keys, 2)).toBe("retired");
  });
});

describe("an outage of Secret Manager", () => {
  test("of an hour does not affect a running instance", async () => {
    const { keys, ...bench } = await started();
    for (let minute = 0; minute < 60; minute += 1) {
      const fault = OUTAGES[minute % OUTAGES.length]?.[0] ?? "unreachable";
      bench.standIn.heal();
      bench.standIn.fail({ fault });
      await bench.time.advance(60);
      await request(bench, keys);
      expect(await find(bench, keys, 1)).toBe("found");
      expect(keys.signer()?.kid).toBe("1");
      expect(await keys.readiness()).toEqual({ ready: true });
    }
    const stale = keys.lines.filter(({ event }) => event === "key_ring_stale");
    expect(stale.length).toBeGreaterThan(30);
    expect(stale.at(-1)).toMatchObject({ level: "error", cause: expect.any(String) });
    expect(stale.at(-1)?.ring_age).toBeGreaterThan(3400);
    bench.standIn.heal();
    bench.add();
    await bench.time.advance(72);
    await request(bench, keys);
    await bench.time.advance(0);
    expect(keys.find("2")).toMatchObject({ status: "found" });
    expect(keys.lines.at(-1)).toMatchObject({ event: "key_ring_refreshed" });
  });

  test("makes a new instance not ready with a code and a log entry, and it recovers", async () => {
    const bench = createKeyBench();
    bench.add();
    for (const [fault, failure, reason] of OUTAGES) {
      bench.standIn.fail({ fault });
      const keys = bench.keys();
      const code = `SECRET_MANAGER_${failure}`;
      expect(await bench.time.settle(keys.readiness())).toEqual({ ready: false, code });
      expect(keys.lines.at(-1)).toMatchObject({
        level: "error",
        event: "keys_not_ready",
        code,
        reason: expect.stringMatching(reason),
      });
      expect(keys.signer()).toBeUndefined();
      expect(await find(bench, keys, 1)).toBe("unavailable");
      bench.standIn.heal();
      await bench.time.advance(6);
      expect(await bench.time.settle(keys.readiness())).toEqual({ ready: true });
    }
  });

  test("and readiness probes cause a limited number of calls", async () => {
    const bench = createKeyBench();
    bench.standIn.fail({ fault: "internal" });
    const keys = bench.keys();
    for (let probe = 0; probe < 60; probe += 1) {
      await bench.time.settle(keys.readiness());
      await bench.time.advance(1);
    }
    expect(bench.standIn.calls.list).toBeLessThanOrEqual(7);
  });

  test("a secret without versions makes an instance not ready, with a remedy", async () => {
    const bench = createKeyBench();
    const keys = bench.keys();
    expect(await bench.time.settle(keys.readiness())).toEqual({
      ready: false,
      code: "NO_ENABLED_KEY",
    });
    expect(keys.lines.at(-1)).toMatchObject({
      reason:
        "projects/phoenix-test/secrets/SECRET_KEY has no enabled version that can be a key. Add one: npm run rotate -- --secret projects/phoenix-test/secrets/SECRET_KEY",
    });
    bench.add();
    await bench.time.advance(60);
    expect(await bench.time.settle(keys.readiness())).toEqual({ ready: true });
  });

  test("of the list alone hides neither a disabled key nor a new one", async () => {
    const { keys, ...bench } = await started();
    bench.standIn.fail({ fault: "exhausted", on: ["list"] });
    bench.add();
    expect(await find(bench, keys, 2)).toBe("found");
    bench.disable(1);
    await bench.time.advance(120);
    await request(bench, keys);
    expect(keys.find("1")).toEqual({ status: "retired" });
    expect(keys.signer()?.kid).toBe("2");
  });

  test("a deleted secret ends no session", async () => {
    let gone = false;
    const bench = createKeyBench();
    bench.add();
    const keys = bench.keys({
      fetch: (input, init) =>
        bench.standIn.fetch(gone ? String(input).replace(SECRET.name, "DELETED") : input, init),
    });
    await bench.time.settle(keys.readiness());
    gone = true;
    await bench.time.advance(600);
    await request(bench, keys);
    expect(await find(bench, keys, 1)).toBe("found");
    expect(keys.lines.at(-1)).toMatchObject({
      event: "key_ring_stale",
      cause: expect.stringContaining(
        "answered 404: Secret [projects/phoenix-test/secrets/DELETED]",
      ),
    });
  });
});

describe("an unusable version", () => {
  test("is skipped with an error, never signs, and does not affect others", async () => {
    const bench = createKeyBench();
    bench.add();
    bench.add("too short");
    bench.add(`${" ".repeat(40)}\n`);
    await bench.time.advance(9000);
    const keys = bench.keys();
    expect(await bench.time.settle(keys.readiness())).toEqual({ ready: true });
    expect(keys.signer()?.kid).toBe("1");
    expect(keys.find("2")).toEqual({ status: "unknown" });
    const skipped = keys.lines.filter(({ event }) => event === "key_skipped");
    expect(skipped).toMatchObject([
      { level: "error", kid: "3", reason: expect.stringContaining("0 characters") },
      { level: "error", kid: "2", reason: expect.stringContaining("9 characters") },
    ]);
    await bench.time.advance(600);
    await request(bench, keys);
    expect(keys.lines.filter(({ event }) => event === "key_skipped")).toHaveLength(2);
  });

  test("that is enabled but inaccessible is unavailable, and the others work", async () => {
    const bench = createKeyBench();
    bench.add();
    bench.add();
    await bench.time.advance(9000);
    const forbid: typeof fetch = (input, init) =>
      String(input).endsWith("/2:access")
        ? Promise.resolve(
            Response.json({ error: { code: 403, status: "PERMISSION_DENIED" } }, { status: 403 }),
          )
        : bench.standIn.fetch(input, init);
    const keys = bench.keys({ fetch: forbid });
    expect(await bench.time.settle(keys.readiness())).toEqual({ ready: true });
    expect(keys.signer()?.kid).toBe("1");
    expect(await find(bench, keys, 2)).toBe("unavailable");
  });

  test("that was destroyed between list and access is retired", async () => {
    const bench = createKeyBench();
    bench.add();
    bench.add();
    const late: typeof fetch = (input, init) => {
      if (String(input).endsWith("/2:access")) {
        try {
          bench.standIn.store.destroy(SECRET.project, SECRET.name, "2");
        } catch {
          // destroyed by the call before
        }
      }
      return bench.standIn.fetch(input, init);
    };
    const keys = bench.keys({ fetch: late });
    await bench.time.settle(keys.readiness());
    expect(keys.find("2")).toEqual({ status: "retired" });
    expect(keys.find("1")).toMatchObject({ status: "found" });
  });

  test("of a secret that was deleted and recreated has the new payload, or is unknown", async () => {
    const bench = createKeyBench();
    bench.add("the payload of a secret that was deleted");
    bench.add("another payload of a secret that was deleted");
    const other = createKeyBench();
    other.add("the payload of a secret that was made anew");
    let current = bench;
    const keys = bench.keys({ fetch: (input, init) => current.standIn.fetch(input, init) });
    await bench.time.settle(keys.readiness());
    expect(payloadOf(keys.signer())).toContain("deleted");
    current = other;
    await bench.time.advance(600);
    await request(bench, keys);
    expect(payloadOf(keys.signer())).toContain("made anew");
    expect(keys.find("2")).toEqual({ status: "unknown" });
  });
});

describe("an instance that freezes during a refresh", () => {
  /** Delays responses and timeouts until the instance thaws. */
  function freezer(bench: KeyBench) {
    let gate: PromiseWithResolvers<void> | undefined;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const held = gate;
      const { signal: _, ...rest } = init ?? {};
      const response = await bench.standIn.fetch(input, held === undefined ? init : rest);
      await held?.promise;
      return response;
    };
    return {
      fetch,
      freeze() {
        gate = Promise.withResolvers();
      },
      thaw() {
        gate?.resolve();
        gate = undefined;
      },
    };
  }

  test("does not use a result from before the freeze", async () => {
    const bench = createKeyBench();
    bench.add();
    await bench.time.advance(9000);
    const { fetch, freeze, thaw } = freezer(bench);
    const keys = bench.keys({ fetch });
    await bench.time.settle(keys.readiness());
    await bench.time.advance(60);
    freeze();
    expect(keys.refresh()).toBeUndefined(); // sent, and answered while it is frozen
    await bench.time.advance(1);
    bench.disable(1);
    bench.add();
    await bench.time.advance(3600);
    thaw();
    await request(bench, keys);
    await bench.time.advance(0);
    expect(keys.find("1")).toEqual({ status: "retired" });
    expect(keys.signer()?.kid).toBe("2");
  });

  test("does not end a session because its key was missing before the freeze", async () => {
    const bench = createKeyBench();
    bench.add();
    const { fetch, freeze, thaw } = freezer(bench);
    const keys = bench.keys({ fetch });
    await bench.time.settle(keys.readiness());
    freeze();
    void keys.find("20");
    await bench.time.advance(1);
    for (let i = 2; i <= 20; i += 1) bench.add();
    await bench.time.advance(3600);
    thaw();
    expect(await find(bench, keys, 20)).toBe("found");
  });
});

describe("credentials", () => {
  test("are sent with every call to Google, and never to this machine", async () => {
    const bench = createKeyBench();
    bench.add();
    const seen: (string | null)[] = [];
    const fetch: typeof globalThis.fetch = (input, init) => {
      seen.push(new Headers(init?.headers).get("authorization"));
      return bench.standIn.fetch(input, init);
    };
    let tokens = 0;
    const accessTokens = async () => {
      tokens += 1;
      return "ya29.secret";
    };
    for (const endpoint of [ENDPOINT, "http://localhost:1", "http://[::1]:1"]) {
      const local = bench.keys({ fetch, accessTokens, endpoint });
      expect(await bench.time.settle(local.readiness())).toEqual({ ready: true });
    }
    expect(tokens).toBe(0);
    expect(new Set(seen.splice(0))).toEqual(new Set([null]));

    const google = "https://secretmanager.googleapis.com";
    const keys = bench.keys({ fetch, accessTokens, endpoint: google });
    expect(await bench.time.settle(keys.readiness())).toEqual({ ready: true });
    expect(new Set(seen)).toEqual(new Set(["Bearer ya29.secret"]));
  });

  test("that are missing or time out make an instance not ready, with the cause in the log", async () => {
    const bench = createKeyBench();
    const endpoint = "https://secretmanager.googleapis.com";
    const none = bench.keys({ endpoint, accessTokens: () => Promise.reject(new Error("no file")) });
    expect(await bench.time.settle(none.readiness())).toMatchObject({
      code: "SECRET_MANAGER_NO_CREDENTIALS",
    });
    expect(none.lines.at(-1)).toMatchObject({
      reason: expect.stringContaining("gcloud auth application-default login"),
    });
    const slow = bench.keys({ endpoint, accessTokens: () => new Promise(() => undefined) });
    expect(await bench.time.settle(slow.readiness())).toMatchObject({
      code: "SECRET_MANAGER_TIMEOUT",
    });
  });

  // ASVS 13.3.1
  test("and payloads are never in the log or in a reason", async () => {
    const bench = createKeyBench();
    bench.add("a payload that must not be seen anywhere");
    bench.add("short-secret");
    const accessTokens = async () => "ya29.secret";
    const endpoint = "https://secretmanager.googleapis.com";
    const keys = bench.keys({ accessTokens, endpoint });
    await bench.time.settle(keys.readiness());
    for (const fault of [...OUTAGES.map(([outage]) => outage), "wrongChecksum"] as const) {
      bench.standIn.fail({ fault });
      await bench.time.advance(600);
      await request(bench, keys);
      await find(bench, keys, 77);
      bench.standIn.heal();
    }
    const text = JSON.stringify([keys.lines, keys.signer(), await keys.find("1")]);
    expect(text).not.toMatch(/must not be seen|short-secret|ya29|cGF5bG9h|YSBwYXls/);
  });
});
