import { type Bucket, CLOUD_STORAGE_API, createBucket } from "../google/bucket.ts";
import { createHttpFetch } from "../google/httpFetch.ts";
import { createRestClient } from "../google/restClient.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { EndedBucket } from "./settings.ts";

/** Seconds that a list or a read may take: requests wait for them no longer. */
const READ_TIMEOUT: Seconds = 2;

/** Seconds that an upload may take: whoever signs out waits for two of them. */
const WRITE_TIMEOUT: Seconds = 5;

/** The bucket of the ended, with as much patience as requests have. */
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
