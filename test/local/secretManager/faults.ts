/** What a call can be for. */
export const CALLS = [
  "createSecret",
  "getSecret",
  "add",
  "get",
  "list",
  "access",
  "enable",
  "disable",
  "destroy",
] as const;
export type Call = (typeof CALLS)[number];

export const FAULTS = [
  /** The connection breaks. */
  "unreachable",
  /** No answer ever. */
  "hang",
  "unauthenticated",
  "forbidden",
  "exhausted",
  "internal",
  "unavailable",
  /** 200 and no JSON. */
  "garbage",
  /** 200 and JSON of another kind. */
  "nonsense",
  /** 404 of a proxy, not of Google. */
  "proxy404",
  /** A payload whose checksum is wrong. */
  "wrongChecksum",
  /** The call is done, and the answer is lost. */
  "lostAnswer",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultRule {
  readonly fault: Fault;
  /** Which calls fail; all if left out. */
  readonly on?: readonly Call[];
  /** How many calls fail; all from now on if left out. */
  readonly times?: number;
}

/** Faults on demand. */
export interface Faults {
  add(rule: FaultRule): void;
  clear(): void;
  /** The fault that this call meets, if any. */
  next(call: Call): Fault | undefined;
}

export function createFaults(): Faults {
  let rules: { readonly rule: FaultRule; left: number }[] = [];
  return {
    add(rule) {
      rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY });
    },
    clear() {
      rules = [];
    },
    next(call) {
      const hit = rules.find(({ rule, left }) => left > 0 && (rule.on?.includes(call) ?? true));
      if (hit === undefined) return undefined;
      hit.left -= 1;
      return hit.rule.fault;
    },
  };
}
