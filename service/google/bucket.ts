import { asObject, type JsonObject } from "../pure/json.ts";
import { parseTime, type Seconds } from "../pure/seconds.ts";
import {
  COMMON_REMEDIES,
  type GoogleApi,
  invalidAnswer,
  unlessFailedAs,
} from "./googleApiError.ts";
import type { RestClient } from "./restClient.ts";

export const CLOUD_STORAGE_API: GoogleApi = {
  name: "Cloud Storage",
  code: "CLOUD_STORAGE",
  service: "storage",
  remedies: {
    ...COMMON_REMEDIES,
    FORBIDDEN:
      "Grant the account storage.objectViewer and storage.objectCreator on the bucket: pulumi up does",
    NOT_FOUND: "Check the bucket's name: gcloud storage buckets list --project PROJECT",
    FAILED_PRECONDITION: "Look at the object: gcloud storage objects describe gs://BUCKET/OBJECT",
    EXHAUSTED: "Wait a minute; if it lasts, see the quotas of Cloud Storage in the project",
    REJECTED: "Check the bucket's name and this program's version",
  },
};

const invalid = (what: string) => invalidAnswer(CLOUD_STORAGE_API, what);

export interface StoredObject {
  readonly name: string;
  /** Unix time by the server's clock. */
  readonly timeCreated: Seconds;
  /** Entries whose value is text. */
  readonly metadata: Readonly<Record<string, string>>;
}

interface ObjectQuery {
  readonly prefix: string;
  /** Excludes names from this one on. */
  readonly endOffset?: string;
  readonly maxResults?: number;
  readonly pageToken?: string;
}

export interface ObjectPage {
  /** Sorted by name. */
  readonly objects: readonly StoredObject[];
  readonly nextPageToken: string | undefined;
  /** The server's Unix time; undefined if the response has none. */
  readonly serverTime: Seconds | undefined;
}

interface NewObject {
  readonly name: string;
  /** For lifecycle rules; Unix time. */
  readonly customTime: Seconds;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A bucket of Cloud Storage to read and to add empty objects to. Every failure is a GoogleApiError;
 * every answer is checked.
 */
export interface Bucket {
  list(query: ObjectQuery): Promise<ObjectPage>;
  /** The object with that name; undefined if there is none. */
  get(name: string): Promise<StoredObject | undefined>;
  /** Creates an empty object and returns it; undefined if the name exists already. */
  create(object: NewObject): Promise<StoredObject | undefined>;
}

const FIELDS = "name,timeCreated,metadata";
/** Can't occur in the parts: no line of the JSON begins with it. */
const BOUNDARY = "phoenix-object";

/**
 * The JSON API: https://cloud.google.com/storage/docs/json_api/v1/objects. Lists and reads of a
 * single object are strongly consistent: https://cloud.google.com/storage/docs/consistency
 */
export function createBucket(client: RestClient, bucket: string): Bucket {
  const path = `b/${bucket}/o`;

  return {
    async list(query) {
      const all = { ...query, fields: `kind,items(${FIELDS}),nextPageToken` };
      const url = `storage/v1/${path}`;
      const { items, ...page } = await client.list(url, "items", all, "storage#objects");
      const objects = items.map(parseObject);
      if (!objects.every(({ name }) => name.startsWith(query.prefix))) {
        throw invalid("other objects than those asked for");
      }
      return { objects, ...page };
    },

    async get(name) {
      const url = `storage/v1/${path}/${encodeURIComponent(name)}`;
      const body = await unlessFailedAs("NOT_FOUND", client.get(url, { fields: FIELDS }));
      return body && named(name, parseObject(body));
    },

    async create({ name, customTime, metadata }) {
      const time = new Date(customTime * 1000).toISOString();
      const resource = JSON.stringify({ name, customTime: time, metadata });
      const query = { uploadType: "multipart", ifGenerationMatch: 0, fields: FIELDS };
      const type = `multipart/related; boundary=${BOUNDARY}`;
      const url = `upload/storage/v1/${path}`;
      const creating = client.upload(url, query, type, multipart(resource));
      const body = await unlessFailedAs("FAILED_PRECONDITION", creating);
      return body && named(name, parseObject(body));
    },
  };
}

/** The resource and an empty content. Only this kind of upload sets customTime in one call. */
function multipart(resource: string): string {
  const part = (type: string, content: string) =>
    `--${BOUNDARY}\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`;
  const parts = part("application/json; charset=UTF-8", resource) + part("text/plain", "");
  return `${parts}--${BOUNDARY}--\r\n`;
}

function parseObject({ name, timeCreated, metadata }: JsonObject): StoredObject {
  const time = parseTime(timeCreated);
  if (typeof name !== "string" || time === undefined) {
    throw invalid("an object without a name or a time of creation");
  }
  const texts = Object.entries(asObject(metadata) ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return { name, timeCreated: time, metadata: Object.fromEntries(texts) };
}

function named(name: string, object: StoredObject): StoredObject {
  if (object.name !== name) throw invalid("another object than the one asked for");
  return object;
}
