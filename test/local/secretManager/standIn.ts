import { asObject, parseObject } from "../../../service/pure/json.ts";
import { createFaults, failing } from "../standIn/faults.ts";
import { type ApiRequest, answer, fetchOf, type Reply, type StandIn } from "../standIn/reply.ts";
import { ApiError, statusOf } from "./apiError.ts";
import { CALLS, type Call, FAULTS, type Fault, type FaultRule } from "./faults.ts";
import { createStore, type Snapshot, type Store } from "./store.ts";

export interface StandInDeps {
  /** Unix time in seconds: what Secret Manager's own clock says. */
  readonly clock?: () => number;
  readonly snapshot?: Snapshot | undefined;
  readonly onChange?: (snapshot: Snapshot) => void;
}

/** Secret Manager without a server: its rules, faults and counters, and `fetch` for it. */
export interface SecretManagerStandIn extends StandIn {
  /** For a test's own changes: no faults, not counted. */
  readonly store: Store;
  /** Calls so far, those that failed too. */
  readonly calls: Readonly<Record<Call, number>>;
  /** From now on, calls fail in that way. */
  fail(rule: FaultRule): void;
  /** Nothing fails any more. */
  heal(): void;
  /** By how many seconds lists and `latest` are behind what is read by number. */
  setLag(seconds: number): void;
  /** Lets this stand-in's clock run ahead by so many more seconds. */
  advance(seconds: number): void;
  handle(request: ApiRequest): Reply;
  /** Answers without a network. */
  readonly fetch: typeof fetch;
}

export function createSecretManagerStandIn({
  clock = () => Date.now() / 1000,
  snapshot,
  onChange = () => undefined,
}: StandInDeps = {}): SecretManagerStandIn {
  let lag = 0;
  let ahead = 0;
  const now = () => clock() + ahead;
  const store = createStore({ clock: now, lag: () => lag, snapshot, onChange });
  const faults = createFaults<Call, Fault>();
  const calls = Object.fromEntries(CALLS.map((call) => [call, 0])) as Record<Call, number>;

  const standIn: SecretManagerStandIn = {
    store,
    calls,
    fail: faults.add,
    heal: faults.clear,
    setLag(seconds) {
      lag = seconds;
    },
    advance(seconds) {
      ahead += seconds;
    },
    now,
    handle,
    fetch: fetchOf({ now, handle }),
  };
  return standIn;

  function handle(request: ApiRequest): Reply {
    return request.url.pathname.startsWith("/_control/") ? control(standIn, request) : api(request);
  }

  function api(request: ApiRequest): Reply {
    const route = routeOf(request);
    if (route === undefined) return answer(404, new ApiError("NOT_FOUND", "No such method."));
    calls[route.call] += 1;
    const fault = faults.next(route.call);
    if (fault !== undefined && fault !== "wrongChecksum" && fault !== "lostAnswer") {
      return failing(fault, NONSENSE, refuse);
    }
    try {
      const body = route.run(store);
      if (fault === "lostAnswer") return { kind: "cut" };
      return answer(200, fault === "wrongChecksum" ? withWrongChecksum(body) : body);
    } catch (error) {
      if (error instanceof ApiError) return answer(error.code, error);
      throw error;
    }
  }
}

interface Route {
  readonly call: Call;
  readonly run: (store: Store) => object;
}

const SECRET = /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)(.*)$/;
const VERSION = /^\/versions\/([^/:]+)(?::(\w+))?$/;

function routeOf({ method, url, body }: ApiRequest): Route | undefined {
  const path = decodeURIComponent(url.pathname);
  const query = url.searchParams;
  const input = parseObject(body) ?? {};
  const [, parent] = /^\/v1\/projects\/([^/]+)\/secrets$/.exec(path) ?? [];
  if (parent !== undefined && method === "POST") {
    const name = query.get("secretId") ?? "";
    return { call: "createSecret", run: (store) => store.createSecret(parent, name, input) };
  }
  const [, project, name, rest] = SECRET.exec(path) ?? [];
  if (project === undefined || name === undefined) return undefined;
  const [, id, verb] = VERSION.exec(rest ?? "") ?? [];
  switch (`${method} ${id === undefined ? rest : (verb ?? "version")}`) {
    case "GET ":
      return { call: "getSecret", run: (store) => store.getSecret(project, name) };
    case "POST :addVersion": {
      const payload = asObject(input.payload);
      return { call: "add", run: (store) => store.add(project, name, payload) };
    }
    case "GET /versions": {
      const list = {
        filter: query.get("filter") ?? "",
        pageSize: Number(query.get("pageSize") ?? 0),
        pageToken: query.get("pageToken") ?? "",
      };
      return { call: "list", run: (store) => store.list(project, name, list) };
    }
    case "GET version":
      return { call: "get", run: (store) => store.get(project, name, id ?? "") };
    case "GET access":
      return { call: "access", run: (store) => store.access(project, name, id ?? "") };
    case "POST enable":
    case "POST disable":
    case "POST destroy": {
      const call = verb as "enable" | "disable" | "destroy";
      return { call, run: (store) => store[call](project, name, id ?? "", input.etag) };
    }
    default:
      return undefined;
  }
}

/** What other processes change: `POST /_control/{fail,heal,lag,advance}`, `GET /_control/calls`. */
function control(standIn: SecretManagerStandIn, { method, url, body }: ApiRequest): Reply {
  const input = parseObject(body) ?? {};
  const { seconds } = input;
  switch (`${method} ${url.pathname.slice("/_control/".length)}`) {
    case "GET calls":
      return answer(200, standIn.calls);
    case "POST heal":
      standIn.heal();
      return answer(200, {});
    case "POST lag":
    case "POST advance":
      if (typeof seconds !== "number") break;
      if (url.pathname.endsWith("lag")) standIn.setLag(seconds);
      else standIn.advance(seconds);
      return answer(200, { now: standIn.now() });
    case "POST fail": {
      const fault = FAULTS.find((known) => known === input.fault);
      if (fault === undefined) break;
      const on: readonly unknown[] | undefined = Array.isArray(input.on) ? input.on : undefined;
      standIn.fail({
        fault,
        ...(on && { on: CALLS.filter((call) => on.includes(call)) }),
        ...(typeof input.times === "number" && { times: input.times }),
      });
      return answer(200, {});
    }
  }
  return answer(400, new ApiError("INVALID_ARGUMENT", "No such control."));
}

const NONSENSE = { versions: [{ name: 7, state: "MAYBE" }], payload: null };

function refuse(code: number, message: string): Reply {
  return answer(code, new ApiError(statusOf(code), message));
}

function withWrongChecksum(body: object): object {
  const payload = asObject((body as Record<string, unknown>).payload);
  return payload === undefined ? body : { ...body, payload: { ...payload, dataCrc32c: "1" } };
}
