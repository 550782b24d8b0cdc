/** Identifiers of clips in playing order, each once. */
export type Order = readonly string[];

/** The order with a clip added at its end, or without it if it is in there. */
export function toggle(order: Order, id: string): Order {
  return order.includes(id) ? order.filter((other) => other !== id) : [...order, id];
}

/** The order with a clip at another place; beyond either end means at that end. */
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
