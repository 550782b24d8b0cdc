/** Ids of clips in playing order, each at most once. */
export type Order = readonly string[];

/** Adds a clip at the end, or removes it if the order contains it. */
export function toggle(order: Order, id: string): Order {
  return order.includes(id) ? order.filter((other) => other !== id) : [...order, id];
}

/** Moves a clip to an index, which is clamped to the order's ends. */
export function move(order: Order, id: string, to: number): Order {
  if (!order.includes(id)) return order;
  const others = order.filter((other) => other !== id);
  return others.toSpliced(Math.max(0, to), 0, id);
}

export function sameOrder(one: Order, other: Order): boolean {
  return one.length === other.length && one.every((id, index) => id === other[index]);
}

/** `1:05` for 65 seconds. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
