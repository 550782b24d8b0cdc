import { type Bucket, CLOUD_STORAGE_API, createBucket } from "../google/bucket.ts";
import { createHttpFetch } from "../google/httpFetch.ts";
import { createRestClient } from "../google/restClient.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { EndedBucket } from "./settings.ts";

/** Timeout of lists and lookups in seconds, for which requests wait. */
const READ_TIMEOUT: Seconds = 2;

/** Timeout of an upload in seconds. A sign-out has two of them. */
const WRITE_TIMEOUT: Seconds = 5;

/** Creates clients of the bucket of ended sessions. */
export function openEndedBucket({ name, endpoint }: EndedBucket): {
  readonly toRead: Bucket;
  readonly toWrite: Bucket;
} {
  const fetch = createHttpFetch();
  const open = (timeout: Seconds) => {
    const client = createRestClient({ api: CLOUD_STORAGE_API, endpoint, timeout, fetch });
    return createBucket(client, name);
  };
  return { toRead: open(READ_TIMEOUT), toWrite: open(WRITE_TIMEOUT) };
}
