import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatDuration, move, sameOrder, toggle } from "../../../../service/reels/page/order.ts";

const IDS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const orders = fc.uniqueArray(fc.constantFrom(...IDS));
const ids = fc.constantFrom(...IDS);

describe("toggle", () => {
  test("adds a clip at the end, or removes it, and keeps the order of the others", () => {
    fc.assert(
      fc.property(orders, ids, (order, id) => {
        const toggled = toggle(order, id);
        const others = order.filter((other) => other !== id);
        expect(toggled).toEqual(order.includes(id) ? others : [...order, id]);
      }),
    );
  });

  test("twice restores an order that did not contain the clip", () => {
    fc.assert(
      fc.property(orders, ids, (order, id) => {
        fc.pre(!order.includes(id));
        expect(toggle(toggle(order, id), id)).toEqual(order);
      }),
    );
  });
});

describe("move", () => {
  const place = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.constantFrom(Infinity, -Infinity));

  test("moves a clip to an index, clamped to the order's ends", () => {
    expect(move(["a", "b", "c"], "c", 0)).toEqual(["c", "a", "b"]);
    expect(move(["a", "b", "c"], "a", 1)).toEqual(["b", "a", "c"]);
    fc.assert(
      fc.property(orders, ids, place, (order, id, to) => {
        fc.pre(order.includes(id));
        const moved = move(order, id, to);
        expect(moved.indexOf(id)).toBe(Math.min(order.length - 1, Math.max(0, to)));
        expect(moved.filter((other) => other !== id)).toEqual(
          order.filter((other) => other !== id),
        );
        expect(moved).toHaveLength(order.length);
      }),
    );
  });

  test("to the clip's own index, or there and back, changes nothing", () => {
    fc.assert(
      fc.property(orders, ids, place, (order, id, to) => {
        expect(move(order, id, order.indexOf(id))).toEqual(order);
        expect(move(move(order, id, to), id, order.indexOf(id))).toEqual(order);
      }),
    );
  });

  test("of a clip that is not in the order changes nothing", () => {
    fc.assert(
      fc.property(orders, place, (order, to) => {
        expect(move(order, "somebody else's", to)).toEqual(order);
      }),
    );
  });
});

test("toggle and move don't mutate their argument", () => {
  const order = Object.freeze(["a", "b", "c"]);
  toggle(order, "a");
  toggle(order, "x");
  move(order, "a", 2);
  expect(order).toEqual(["a", "b", "c"]);
});

test("two orders are the same if they have the same clips at the same indexes", () => {
  fc.assert(
    fc.property(orders, orders, (one, other) => {
      expect(sameOrder(one, other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      expect(sameOrder(one, [...one])).toBe(true);
    }),
  );
  expect(sameOrder(["a", "b"], ["b", "a"])).toBe(false);
  expect(sameOrder(["a"], ["a", "b"])).toBe(false);
  expect(sameOrder(["a", "b"], ["a"])).toBe(false);
});

test("a duration is formatted as minutes and seconds", () => {
  const told = [0, 4.4, 59.4, 59.6, 60, 65, 600, 3_661].map(formatDuration);
  expect(told).toEqual(["0:00", "0:04", "0:59", "1:00", "1:00", "1:05", "10:00", "61:01"]);
});
