import type { EndedList } from "../../service/ended/endedList.ts";
import { createEndedSessions, type EndedSessions } from "../../service/ended/endedSessions.ts";
import { type Bucket, CLOUD_STORAGE_API, createBucket } from "../../service/google/bucket.ts";
import { createRestClient } from "../../service/google/restClient.ts";
import { createStorageStandIn, type StorageStandIn } from "../local/storage/standIn.ts";
import { createVirtualTime, type VirtualTime } from "./virtualTime.ts";

export const LIFETIME = 604_800;
export const ISSUER = "https://accounts.example";
const BUCKET = "ended";

interface EndedLogLine {
  readonly level: "info" | "warn" | "error";
  readonly event?: string;
  readonly message: string;
}

/** A fake Cloud Storage with one bucket, in virtual time. */
export interface EndedBench {
  readonly time: VirtualTime;
  readonly standIn: StorageStandIn;
  /** The ended sessions of a new instance, with a log of its own. */
  instance(options?: EndedInstanceOptions): EndedInstance;
  /** A client of the bucket with a timeout. */
  bucket(timeout: number, fetch?: typeof globalThis.fetch): Bucket;
}

interface EndedInstanceOptions {
  /** Seconds by which the instance's clock is ahead. */
  readonly clockOffset?: number;
  readonly onOutage?: "continue" | "refuse";
  /** Seconds that an upload may take. */
  readonly writeTimeout?: number;
  readonly random?: () => number;
  readonly list?: EndedList;
  readonly fetch?: typeof globalThis.fetch;
}

export interface EndedInstance extends EndedSessions {
  readonly lines: EndedLogLine[];
}

/** @param start Unix time at the start. */
export function createEndedBench(start?: number): EndedBench {
  const time = createVirtualTime(start);
  const wait = (seconds: number) =>
    new Promise<void>((resolve) => {
      time.abortAfter(seconds * 1000).addEventListener("abort", () => resolve());
    });
  const standIn = createStorageStandIn({ clock: time.now, wait });
  standIn.objects.createBucket(BUCKET);

  function bucket(timeout: number, fetch = standIn.fetch): Bucket {
    const client = createRestClient({
      api: CLOUD_STORAGE_API,
      endpoint: "http://127.0.0.1:1",
      timeout,
      fetch,
      abortAfter: time.abortAfter,
    });
    return createBucket(client, BUCKET);
  }

  return {
    time,
    standIn,
    bucket,
    instance({ clockOffset = 0, onOutage = "continue", writeTimeout = 5, ...rest } = {}) {
      const { fetch, random = () => 0.5, list } = rest;
      const lines: EndedLogLine[] = [];
      const logAs = (level: EndedLogLine["level"]) => (fields: object, message: string) =>
        void lines.push({ ...fields, level, message });
      const ended = createEndedSessions({
        bucket: { toRead: bucket(2, fetch), toWrite: bucket(writeTimeout, fetch) },
        onOutage,
        lifetime: LIFETIME,
        // Whole seconds, like the service's clock.
        clock: () => Math.floor(time.now() + clockOffset),
        random,
        abortAfter: time.abortAfter,
        ...(list && { list }),
        log: { info: logAs("info"), warn: logAs("warn"), error: logAs("error") },
      });
      return { ...ended, lines };
    },
  };
}
