import { expect, test } from "@jest/globals";
import type { Order } from "../../../../service/reels/page/order.ts";
import { createSaver } from "../../../../service/reels/page/saver.ts";

/** A saver whose requests end when the test says so. */
function bench() {
  const requests: { clips: Order; end: PromiseWithResolvers<void> }[] = [];
  const states: string[] = [];
  const saver = createSaver({
    save(clips) {
      const end = Promise.withResolvers<void>();
      requests.push({ clips, end });
      return end.promise;
    },
    onState: (state, error) => void states.push(error ? `${state}: ${error}` : state),
  });
  /** Ends the request in flight, and waits for its effects. */
  async function answer(error?: string): Promise<void> {
    const end = requests.at(-1)?.end;
    if (error === undefined) end?.resolve();
    else end?.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { saver, states, answer, saved: () => requests.map(({ clips }) => clips) };
}

test("a change is saved, and reported as saved once the service has confirmed it", async () => {
  const { saver, states, answer, saved } = bench();
  saver.set(["aurora"]);
  expect(states).toEqual(["saving"]);
  expect(saver.pending()).toBe(true);
  await answer();
  expect(states).toEqual(["saving", "saved"]);
  expect(saved()).toEqual([["aurora"]]);
  expect(saver.confirmed()).toEqual(["aurora"]);
  expect(saver.pending()).toBe(false);
});

test("one request is in flight at a time, and of the changes made meanwhile only the last is saved", async () => {
  const { saver, answer, saved } = bench();
  saver.set(["aurora"]);
  saver.set(["aurora", "coral"]);
  saver.set(["coral"]);
  expect(saved()).toEqual([["aurora"]]);
  await answer();
  expect(saved()).toEqual([["aurora"], ["coral"]]);
  await answer();
  expect(saved()).toHaveLength(2);
  expect(saver.confirmed()).toEqual(["coral"]);
});

test("a change that is reverted during its request is saved again", async () => {
  const { saver, answer, saved } = bench();
  saver.confirm(["aurora"]);
  saver.set(["coral"]);
  saver.set(["aurora"]);
  await answer();
  expect(saved()).toEqual([["coral"], ["aurora"]]);
});

test("a reel that the service already has is not saved", () => {
  const { saver, states, saved } = bench();
  saver.confirm(["aurora"]);
  saver.set(["aurora"]);
  expect(saved()).toEqual([]);
  expect(states).toEqual(["saved"]);
});

test("a failure is reported with its error, and a retry saves the same reel", async () => {
  const { saver, states, answer, saved } = bench();
  saver.set(["aurora"]);
  await answer("no answer");
  expect(states).toEqual(["saving", "failed: no answer"]);
  expect(saver.pending()).toBe(true);
  saver.retry();
  await answer();
  expect(states.slice(2)).toEqual(["saving", "saved"]);
  expect(saved()).toEqual([["aurora"], ["aurora"]]);
});

test("a failure is not reported if the reel has changed since: the new one is saved", async () => {
  const { saver, states, answer, saved } = bench();
  saver.set(["aurora"]);
  saver.set(["coral"]);
  await answer("no answer");
  expect(states).toEqual(["saving", "saving"]);
  await answer();
  expect(saved()).toEqual([["aurora"], ["coral"]]);
  expect(states.at(-1)).toBe("saved");
});

test("stop saves nothing more and waits for the request in flight", async () => {
  const { saver, states, answer, saved } = bench();
  saver.set(["aurora"]);
  saver.set(["coral"]);
  let stopped = false;
  const stopping = saver.stop().then(() => {
    stopped = true;
  });
  await Promise.resolve();
  expect(stopped).toBe(false);
  await answer();
  await stopping;
  saver.set(["tides"]);
  saver.retry();
  expect(saved()).toEqual([["aurora"]]);
  expect(states).toEqual(["saving"]);
});
