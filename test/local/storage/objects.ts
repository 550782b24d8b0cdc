import { createHash } from "node:crypto";

type Seconds = number;

export interface StoredObject {
  readonly name: string;
  readonly timeCreated: Seconds;
  readonly customTime?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType: string;
}

interface StoredBucket {
  readonly name: string;
  /** Sorted by name. */
  readonly objects: StoredObject[];
}

/** The stored state, as JSON. */
export type Snapshot = readonly StoredBucket[];

export interface ListQuery {
  readonly prefix: string;
  readonly startOffset: string;
  readonly endOffset: string;
  /** 0: the largest possible. */
  readonly maxResults: number;
  readonly pageToken: string;
}

interface ObjectsDeps {
  readonly clock: () => Seconds;
  readonly snapshot?: Snapshot | undefined;
  readonly onChange: (snapshot: Snapshot) => void;
}

/** An error in Cloud Storage's format. */
export class StorageError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }

  toJSON(): object {
    const { code, reason, message } = this;
    return { error: { code, message, errors: [{ message, domain: "global", reason }] } };
  }
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/list */
const MAX_PAGE = 1000;

/** Cloud Storage's behavior for empty objects, without HTTP. Methods use the API's JSON. */
export type Objects = ReturnType<typeof createObjects>;

export function createObjects({ clock, snapshot = [], onChange }: ObjectsDeps) {
  const buckets: StoredBucket[] = structuredClone([...snapshot]);

  function find(bucket: string): StoredBucket {
    const found = buckets.find(({ name }) => name === bucket);
    if (found !== undefined) return found;
    throw new StorageError(404, "notFound", "The specified bucket does not exist.");
  }

  return {
    createBucket(name: string) {
      if (!/^[a-z\d][a-z\d._-]{1,220}[a-z\d]$/.test(name)) {
        throw new StorageError(400, "invalid", `Invalid bucket name: '${name}'`);
      }
      if (buckets.some((bucket) => bucket.name === name)) {
        throw new StorageError(409, "conflict", "You already own this bucket.");
      }
      buckets.push({ name, objects: [] });
      onChange(buckets);
      return { kind: "storage#bucket", name };
    },

    hasBucket: (bucket: string) => buckets.some(({ name }) => name === bucket),

    list(bucket: string, { prefix, startOffset, endOffset, maxResults, pageToken }: ListQuery) {
      const { objects } = find(bucket);
      const size = Math.min(maxResults || MAX_PAGE, MAX_PAGE);
      const after = pageToken === "" ? undefined : Buffer.from(pageToken, "base64url").toString();
      const first = [prefix, startOffset, after ?? ""].reduce((a, b) => (a > b ? a : b));
      const page: StoredObject[] = [];
      let nextPageToken: string | undefined;
      for (let i = position(objects, first); i < objects.length; i += 1) {
        const object = objects[i] as StoredObject;
        if (!object.name.startsWith(prefix)) break;
        if (endOffset !== "" && object.name >= endOffset) break;
        if (object.name === after) continue;
        if (page.length === size) {
          nextPageToken = Buffer.from(page.at(-1)?.name ?? "").toString("base64url");
          break;
        }
        page.push(object);
      }
      return {
        kind: "storage#objects",
        ...(page.length > 0 && { items: page.map((object) => describe(bucket, object)) }),
        ...(nextPageToken !== undefined && { nextPageToken }),
      };
    },

    get(bucket: string, name: string) {
      const { objects } = find(bucket);
      const object = objects[position(objects, name)];
      if (object?.name === name) return describe(bucket, object);
      throw new StorageError(404, "notFound", `No such object: ${bucket}/${name}`);
    },

    /** For tests: the service's account may not delete. */
    remove(bucket: string, name: string) {
      const { objects } = find(bucket);
      const index = position(objects, name);
      if (objects[index]?.name === name) objects.splice(index, 1);
      onChange(buckets);
    },

    create(bucket: string, object: Omit<StoredObject, "timeCreated">, onlyIfAbsent: boolean) {
      const { objects } = find(bucket);
      const index = position(objects, object.name);
      const exists = objects[index]?.name === object.name;
      if (exists && onlyIfAbsent) {
        const message = "At least one of the pre-conditions you specified did not hold.";
        throw new StorageError(412, "conditionNotMet", message);
      }
      if (exists) {
        // Overwriting needs the permission to delete, which the service's account lacks.
        throw new StorageError(403, "forbidden", "The account lacks storage.objects.delete.");
      }
      if (object.name === "" || object.name.length > 1024) {
        throw new StorageError(400, "invalid", "The name of the object is not valid.");
      }
      const created = { ...object, timeCreated: clock() };
      objects.splice(index, 0, created);
      onChange(buckets);
      return describe(bucket, created);
    },
  };
}

/** Index of the name, or the index at which it would be inserted. */
function position(objects: readonly StoredObject[], name: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((objects[middle] as StoredObject).name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function describe(bucket: string, object: StoredObject) {
  const { name, timeCreated, customTime, metadata, contentType } = object;
  const time = new Date(timeCreated * 1000).toISOString();
  const generation = String(Math.floor(timeCreated * 1e6));
  return {
    kind: "storage#object",
    id: `${bucket}/${name}/${generation}`,
    name,
    bucket,
    generation,
    metageneration: "1",
    contentType,
    storageClass: "STANDARD",
    size: "0",
    md5Hash: createHash("md5").digest("base64"),
    crc32c: "AAAAAA==",
    etag: generation,
    timeCreated: time,
    updated: time,
    ...(customTime !== undefined && { customTime: new Date(customTime).toISOString() }),
    ...(metadata !== undefined && { metadata }),
  };
}
