import { asObject, parseObject } from "../../../service/pure/json.ts";
import { failing } from "../standIn/faults.ts";
import { type ApiRequest, answer, type Reply } from "../standIn/reply.ts";
import { createFaultyStandIn, type FaultyStandIn } from "../standIn/standIn.ts";
import { ApiError, statusOf } from "./apiError.ts";
import { CALLS, type Call, FAULTS, type Fault } from "./faults.ts";
import { createStore, type Snapshot, type Store } from "./store.ts";

interface StandInDeps {
  /** Secret Manager's clock: Unix time in seconds. */
  readonly clock?: () => number;
  readonly snapshot?: Snapshot | undefined;
  readonly onChange?: (snapshot: Snapshot) => void;
}

/** Secret Manager without a server: its behavior, faults and counters. */
export interface SecretManagerStandIn extends FaultyStandIn<Call, Fault> {
  /** For a test's own changes, which have no faults and are not counted. */
  readonly store: Store;
  /** Lets lists and `latest` lag by some seconds. Reads by number never lag. */
  setLag(seconds: number): void;
}

export function createSecretManagerStandIn({
  clock = () => Date.now() / 1000,
  snapshot,
  onChange = () => undefined,
}: StandInDeps = {}): SecretManagerStandIn {
  let lag = 0;
  const setLag = (seconds: number) => {
    lag = seconds;
  };
  const standIn = createFaultyStandIn<Call, Fault>({
    clock,
    calls: CALLS,
    faults: FAULTS,
    settings: { lag: setLag },
    handle,
    refuse,
  });
  const store = createStore({ clock: standIn.now, lag: () => lag, snapshot, onChange });
  return { ...standIn, store, setLag };

  function handle(request: ApiRequest, count: (call: Call) => Fault | undefined): Reply {
    const route = routeOf(request);
    if (route === undefined) return answer(404, new ApiError("NOT_FOUND", "No such method."));
    const fault = count(route.call);
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

const NONSENSE = { versions: [{ name: 7, state: "MAYBE" }], payload: null };

function refuse(code: number, message: string): Reply {
  return answer(code, new ApiError(statusOf(code), message));
}

function withWrongChecksum(body: object): object {
  const payload = asObject((body as Record<string, unknown>).payload);
  return payload === undefined ? body : { ...body, payload: { ...payload, dataCrc32c: "1" } };
}
