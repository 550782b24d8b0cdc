import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Order, sameOrder } from "../../../../service/reels/page/order.ts";
import { createSaver } from "../../../../service/reels/page/saver.ts";

/** Events during a save: a change, a success, a failure, or a retry. */
const events = fc.array(
  fc.oneof(
    fc.uniqueArray(fc.constantFrom("aurora", "coral", "tides"), { maxLength: 2 }),
    fc.constantFrom("answered", "failed", "retry"),
  ),
  { maxLength: 30 },
);

/** A saver whose fake service records what it confirmed and how many requests were in flight. */
function bench() {
  let request: PromiseWithResolvers<void> | undefined;
  const seen = { underWay: 0, most: 0, asked: 0, served: [] as Order, state: "saved" };
  const saver = createSaver({
    async save(clips) {
      seen.asked += 1;
      seen.underWay += 1;
      seen.most = Math.max(seen.most, seen.underWay);
      request = Promise.withResolvers();
      try {
        await request.promise;
        seen.served = clips;
      } finally {
        seen.underWay -= 1;
      }
    },
    onState(state) {
      seen.state = state;
    },
  });
  return {
    saver,
    seen,
    async happen(event: Order | string): Promise<void> {
      if (event === "answered") request?.resolve();
      else if (event === "failed") request?.reject(new TypeError("no answer"));
      else if (event === "retry") saver.retry();
      else saver.set(event as Order);
      await turn();
    },
  };
}

test("in any sequence of events one request is in flight at a time, and the last reel is saved", async () => {
  await fc.assert(
    fc.asyncProperty(events, async (happening) => {
      const { saver, seen, happen } = bench();
      let wanted: Order = [];
      for (const event of happening) {
        if (Array.isArray(event)) wanted = event;
        await happen(event);
        expect(saver.confirmed()).toEqual(seen.served);
        expect(saver.pending()).toBe(!sameOrder(wanted, seen.served));
        if (seen.state === "saved") expect(saver.pending()).toBe(false);
        expect(seen.state === "saving").toBe(seen.underWay === 1);
      }
      saver.retry();
      while (seen.underWay > 0) await happen("answered");
      expect([seen.served, seen.state, seen.most <= 1]).toEqual([wanted, "saved", true]);
    }),
  );
});

test("after stop, no event causes another request", async () => {
  await fc.assert(
    fc.asyncProperty(events, events, async (before, after) => {
      const { saver, seen, happen } = bench();
      for (const event of before) await happen(event);
      let stopped = false;
      const stopping = saver.stop().then(() => {
        stopped = true;
      });
      await turn();
      expect(stopped).toBe(seen.underWay === 0);
      const { asked } = seen;
      for (const event of after) await happen(event);
      await happen("answered");
      await stopping;
      expect(seen.asked).toBe(asked);
    }),
  );
});
