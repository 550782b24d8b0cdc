import { answer, type Reply } from "./reply.ts";

/** Faults of a call that every API can have. */
export const COMMON_FAULTS = [
  /** The connection breaks. */
  "unreachable",
  /** No response. */
  "hang",
  "unauthenticated",
  "forbidden",
  "exhausted",
  "internal",
  "unavailable",
  /** 200, but no JSON. */
  "garbage",
  /** 200, but another kind of JSON. */
  "nonsense",
  /** A 404 from a proxy, not from Google. */
  "proxy404",
  /** The call succeeds, but its response is lost. */
  "lostAnswer",
] as const;
export type CommonFault = (typeof COMMON_FAULTS)[number];

export interface FaultRuleOf<Call, Fault> {
  readonly fault: Fault;
  /** Calls that fail; default: all. */
  readonly on?: readonly Call[];
  /** Number of calls that fail; default: all from now on. */
  readonly times?: number;
}

/** The rules that decide which calls fail. */
interface Faults<Call, Fault> {
  add(rule: FaultRuleOf<Call, Fault>): void;
  clear(): void;
  /** The fault of this call, if any. */
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

/** The reply to a call with a fault. `refuse` creates an error in the API's format. */
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
