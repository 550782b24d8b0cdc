import { parseObject } from "../../../service/pure/json.ts";
import { createFaults, type FaultRuleOf } from "./faults.ts";
import { type ApiRequest, answer, fetchOf, type Reply, type StandIn } from "./reply.ts";

/** A stand-in that counts its calls, and lets them fail on request. */
export interface FaultyStandIn<Call extends string, Fault extends string> extends StandIn {
  /** Number of calls so far, including failed ones. */
  readonly calls: Readonly<Record<Call, number>>;
  /** Lets further calls fail. */
  fail(rule: FaultRuleOf<Call, Fault>): void;
  /** Removes all faults. */
  heal(): void;
  /** Advances the API's clock by more seconds. */
  advance(seconds: number): void;
  /** `fetch` that calls the stand-in without a network. */
  readonly fetch: typeof fetch;
}

interface FaultyApi<Call extends string, Fault extends string> {
  /** The API's clock: Unix time in seconds. */
  readonly clock: () => number;
  readonly calls: readonly Call[];
  readonly faults: readonly Fault[];
  /** Further controls of other processes, whose value is in seconds. */
  readonly settings: Readonly<Record<string, (seconds: number) => void>>;
  /** Handles a request. `count` counts the call, and returns its fault, if any. */
  readonly handle: (
    request: ApiRequest,
    count: (call: Call) => Fault | undefined,
  ) => Reply | Promise<Reply>;
  /** Creates an error in the API's format. */
  readonly refuse: (code: number, message: string) => Reply;
}

/**
 * Other processes control it with `POST /_control/fail` and a rule, `/_control/heal`,
 * `/_control/advance` or a setting's name with seconds, and `GET /_control/calls`.
 */
export function createFaultyStandIn<Call extends string, Fault extends string>({
  clock,
  calls: names,
  faults: knownFaults,
  settings,
  handle: handleCall,
  refuse,
}: FaultyApi<Call, Fault>): FaultyStandIn<Call, Fault> {
  let ahead = 0;
  const faults = createFaults<Call, Fault>();
  const calls = Object.fromEntries(names.map((call) => [call, 0])) as Record<Call, number>;
  const now = () => clock() + ahead;
  const advance = (seconds: number) => {
    ahead += seconds;
  };
  return {
    calls,
    fail: faults.add,
    heal: faults.clear,
    advance,
    now,
    handle,
    fetch: fetchOf({ now, handle }),
  };

  function handle(request: ApiRequest): Reply | Promise<Reply> {
    const [, command] = /^\/_control\/(.*)$/.exec(request.url.pathname) ?? [];
    if (command !== undefined)
      return control(`${request.method} ${command}`, command, request.body);
    return handleCall(request, (call) => {
      calls[call] += 1;
      return faults.next(call);
    });
  }

  function control(action: string, name: string, body: string): Reply {
    const input = parseObject(body) ?? {};
    if (action === "GET calls") return answer(200, calls);
    if (action === "POST heal") {
      faults.clear();
      return answer(200, {});
    }
    const fault = knownFaults.find((known) => known === input.fault);
    if (action === "POST fail" && fault !== undefined) {
      const on: readonly unknown[] | undefined = Array.isArray(input.on) ? input.on : undefined;
      faults.add({
        fault,
        ...(on && { on: names.filter((call) => on.includes(call)) }),
        ...(typeof input.times === "number" && { times: input.times }),
      });
      return answer(200, {});
    }
    const set = { advance, ...settings }[name];
    if (!action.startsWith("POST ") || set === undefined || typeof input.seconds !== "number") {
      return refuse(400, "No such control.");
    }
    set(input.seconds);
    return answer(200, { now: now() });
  }
}
