import { asObject, type JsonObject, parseObject } from "../../../service/pure/json.ts";
import { COMMON_FAULTS, type CommonFault, type FaultRuleOf, failing } from "../standIn/faults.ts";
import { type ApiRequest, answer, type Reply } from "../standIn/reply.ts";
import { createFaultyStandIn, type FaultyStandIn } from "../standIn/standIn.ts";
import { createObjects, type Objects, type Snapshot, StorageError } from "./objects.ts";

/** Kinds of calls. */
export const CALLS = ["createBucket", "getBucket", "list", "get", "create"] as const;
export type Call = (typeof CALLS)[number];
export type FaultRule = FaultRuleOf<Call, CommonFault>;

interface StorageStandInDeps {
  /** Cloud Storage's clock: Unix time in seconds. */
  readonly clock?: () => number;
  /** Waits for some seconds. */
  readonly wait?: (seconds: number) => Promise<void>;
  readonly snapshot?: Snapshot | undefined;
  readonly onChange?: (snapshot: Snapshot) => void;
}

/** Cloud Storage without a server: its behavior for empty objects, faults and counters. */
export interface StorageStandIn extends FaultyStandIn<Call, CommonFault> {
  /** For a test's own changes, which have no faults and are not counted. */
  readonly objects: Objects;
  /** Lets uploads take some seconds from now on, whether or not the client waits for them. */
  setUploadTime(seconds: number): void;
}

export function createStorageStandIn({
  clock = () => Date.now() / 1000,
  wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  snapshot,
  onChange = () => undefined,
}: StorageStandInDeps = {}): StorageStandIn {
  let uploadTime = 0;
  const setUploadTime = (seconds: number) => {
    uploadTime = seconds;
  };
  const standIn = createFaultyStandIn<Call, CommonFault>({
    clock,
    calls: CALLS,
    faults: COMMON_FAULTS,
    settings: { upload: setUploadTime },
    handle,
    refuse,
  });
  const objects = createObjects({ clock: standIn.now, snapshot, onChange });
  return { ...standIn, objects, setUploadTime };

  function handle(
    request: ApiRequest,
    count: (call: Call) => CommonFault | undefined,
  ): Reply | Promise<Reply> {
    const route = routeOf(request);
    if (route === undefined) return refuse(404, "No such method.");
    const fault = count(route.call);
    if (fault !== undefined && fault !== "lostAnswer") return failing(fault, NONSENSE, refuse);
    if (route.call !== "create" || uploadTime === 0) return run(route, fault);
    return wait(uploadTime).then(() => run(route, fault));
  }

  function run({ run: change, query }: Route, fault: "lostAnswer" | undefined): Reply {
    try {
      const body = selected(change(objects), query.get("fields"));
      return fault === "lostAnswer" ? { kind: "cut" } : answer(200, body);
    } catch (error) {
      if (error instanceof StorageError) return answer(error.code, error);
      throw error;
    }
  }
}

interface Route {
  readonly call: Call;
  readonly query: URLSearchParams;
  readonly run: (objects: Objects) => object;
}

const PATH = /^(\/upload)?\/storage\/v1\/b(?:\/([^/]+)(\/o(?:\/([^/]+))?)?)?$/;

function routeOf({ method, url, headers, body }: ApiRequest): Route | undefined {
  const query = url.searchParams;
  const [match, upload, bucket, folder, encoded] = PATH.exec(url.pathname) ?? [];
  if (match === undefined) return undefined;
  if (bucket === undefined) {
    const name = parseObject(body)?.name;
    if (method !== "POST") return undefined;
    return { call: "createBucket", query, run: (objects) => objects.createBucket(String(name)) };
  }
  if (method === "GET" && folder === undefined) {
    return { call: "getBucket", query, run: (objects) => describeBucket(objects, bucket) };
  }
  if (method === "GET" && encoded !== undefined) {
    const name = decodeURIComponent(encoded);
    return { call: "get", query, run: (objects) => objects.get(bucket, name) };
  }
  if (method === "GET") {
    const list = {
      prefix: query.get("prefix") ?? "",
      startOffset: query.get("startOffset") ?? "",
      endOffset: query.get("endOffset") ?? "",
      maxResults: Number(query.get("maxResults") ?? 0),
      pageToken: query.get("pageToken") ?? "",
    };
    return { call: "list", query, run: (objects) => objects.list(bucket, list) };
  }
  if (method !== "POST" || upload === undefined || query.get("uploadType") !== "multipart") {
    return undefined;
  }
  return {
    call: "create",
    query,
    run(objects) {
      const { resource, contentType } = parseMultipart(headers["content-type"] ?? "", body);
      const name = resource.name ?? query.get("name") ?? "";
      const { customTime, metadata } = resource;
      return objects.create(
        bucket,
        {
          name: String(name),
          contentType: String(resource.contentType ?? contentType),
          ...(typeof customTime === "string" && { customTime: parseTime(customTime) }),
          ...(metadata !== undefined && { metadata: metadata as Record<string, string> }),
        },
        query.get("ifGenerationMatch") === "0",
      );
    },
  };
}

function describeBucket(objects: Objects, name: string): object {
  if (objects.hasBucket(name)) return { kind: "storage#bucket", name, id: name };
  throw new StorageError(404, "notFound", "The specified bucket does not exist.");
}

/** The resource and the content type. The content must be empty, because none is stored. */
function parseMultipart(
  type: string,
  body: string,
): { readonly resource: JsonObject; readonly contentType: string } {
  const [, quoted, plain] =
    /^multipart\/related;.*boundary=(?:"([^"]+)"|([^;\s]+))/.exec(type) ?? [];
  const boundary = quoted ?? plain;
  const parts = boundary === undefined ? [] : `\r\n${body}`.split(`\r\n--${boundary}`);
  const [, first = "", second = "", end = ""] = parts;
  const resource = asObject(parseObject(contentOf(first)));
  const content = contentOf(second);
  if (resource === undefined || !end.startsWith("--") || content !== "") {
    throw new StorageError(400, "parseError", "The upload is not an empty object with a resource.");
  }
  return { resource, contentType: /content-type: *(\S+)/i.exec(second)?.[1] ?? "" };
}

function contentOf(part: string): string {
  return part.slice(part.indexOf("\r\n\r\n") + 4);
}

function parseTime(text: string): string {
  if (!Number.isNaN(Date.parse(text))) return text;
  throw new StorageError(400, "invalid", `Invalid value for customTime: ${text}`);
}

/** The parts of a response that the parameter `fields` selects, at the top level and in `items`. */
function selected(body: object, fields: string | null): object {
  if (fields === null) return body;
  // `items(a,b)` is a short form of `items/a,items/b`.
  const names = fields
    .replace(
      /items\(([^)]*)\)/,
      (_, inside: string) => `items/${inside.replaceAll(",", ",items/")}`,
    )
    .split(",");
  const itemNames = names.flatMap((name) => (name.startsWith("items/") ? [name.slice(6)] : []));
  const { items, ...picked } = pick(body as JsonObject, [...names, "items"]);
  if (!Array.isArray(items)) return picked;
  return { ...picked, items: items.map((item) => pick(item, itemNames)) };
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

const NONSENSE = { items: [{ name: 7, timeCreated: "yesterday" }], name: null };

const REASONS: Readonly<Record<number, string>> = {
  401: "authError",
  403: "forbidden",
  404: "notFound",
  429: "rateLimitExceeded",
};

function refuse(code: number, message: string): Reply {
  return answer(code, new StorageError(code, REASONS[code] ?? "backendError", message));
}
