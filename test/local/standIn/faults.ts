import { answer, type Reply } from "./reply.ts";

/** What can happen to a call to any API. */
export const COMMON_FAULTS = [
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
  /** The call is done, and the answer is lost. */
  "lostAnswer",
] as const;
export type CommonFault = (typeof COMMON_FAULTS)[number];

export interface FaultRuleOf<Call, Fault> {
  readonly fault: Fault;
  /** Which calls fail; all if left out. */
  readonly on?: readonly Call[];
  /** How many calls fail; all from now on if left out. */
  readonly times?: number;
}

/** Faults on demand. */
export interface Faults<Call, Fault> {
  add(rule: FaultRuleOf<Call, Fault>): void;
  clear(): void;
  /** The fault that this call meets, if any. */
  next(call: Call): Fault | undefined;
}

export function createFaults<Call, Fault>(): Faults<Call, Fault> {
  let rules: { readonly rule: FaultRuleOf<Call, Fault>; left: number }[] = [];
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

const REFUSALS = {
  unauthenticated: [401, "Request had invalid authentication credentials."],
  forbidden: [403, "Permission denied on resource."],
  exhausted: [429, "Quota exceeded."],
  internal: [500, "Internal error encountered."],
  unavailable: [503, "The service is currently unavailable."],
} as const;

/** What happens to a call instead of an answer. `refuse` writes an error as its API does. */
export function failing(
  fault: Exclude<CommonFault, "lostAnswer">,
  nonsense: object,
  refuse: (code: number, message: string) => Reply,
): Reply {
  switch (fault) {
    case "unreachable":
      return { kind: "cut" };
    case "hang":
      return { kind: "hang" };
    case "garbage":
      return { kind: "answer", status: 200, type: "text/html", body: "<html>\u0000Welcome" };
    case "nonsense":
      return answer(200, nonsense);
    case "proxy404":
      return { kind: "answer", status: 404, type: "text/html", body: "<h1>Not here</h1>" };
    default: {
      const [code, message] = REFUSALS[fault];
      return refuse(code, message);
    }
  }
}
