import { randomBytes } from "node:crypto";
import { OperatorError } from "../contract/errors.ts";
import { MAX_LIFETIME } from "../contract/serviceSettings.ts";
import type { Bucket } from "../google/bucket.ts";
import type { Seconds } from "../pure/seconds.ts";
import { MAX_NAME_SKEW } from "./endedList.ts";
import { type Folder, markObject, sessionHash, sessionObject, type Who } from "./marks.ts";

/**
 * Writes marks so that every instance finds them. Rejects with an OperatorError if it can't be told
 * that a mark is written; writing it again does no harm.
 */
export interface MarkWriter {
  endSession(session: { readonly sid: string; readonly exp: Seconds }): Promise<void>;
  /**
   * Ends all sessions of those people that have begun by now, or by `before` if that is earlier.
   * @returns the time that the mark holds for, by the server's clock.
   */
  endPeople(who: Who, before?: Seconds): Promise<Seconds>;
}

export interface MarkWriterDeps {
  readonly bucket: Bucket;
  /** Unix time in seconds; may be wrong. */
  readonly clock: () => Seconds;
}

/** Uploads of one mark: the first shows the clock's error, the second the duration of uploads. */
const MAX_UPLOADS = 3;

/** Custom metadata with the time before which a mark applies. */
export const BEFORE = "before";

/**
 * Names carry the writer's clock, and who follows the feed looks back a little only. So a name
 * that is older than its object by more than `MAX_NAME_SKEW` is written again under the server's
 * time, whether the clock was wrong or the upload slow. The name of a clock that is ahead does no
 * harm: it is listed until its time has come.
 */
export function createMarkWriter({ bucket, clock }: MarkWriterDeps): MarkWriter {
  async function write(
    folder: Folder,
    who: Who,
    { expires, before }: { readonly expires?: Seconds; readonly before?: Seconds | undefined },
  ): Promise<Seconds> {
    let time = clock();
    let holdsBefore = before;
    for (let upload = 0; upload < MAX_UPLOADS; upload += 1) {
      const begun = clock();
      const random = randomBytes(8).toString("base64url");
      const created = await bucket.create({
        name: markObject(folder, { who, time }, random),
        customTime: expires ?? time + MAX_LIFETIME,
        ...(holdsBefore !== undefined && { metadata: { [BEFORE]: String(holdsBefore) } }),
      });
      if (created === undefined) continue;
      // A mark that is written now must not end later sessions.
      holdsBefore = Math.min(holdsBefore ?? created.timeCreated, created.timeCreated);
      if (time >= created.timeCreated - MAX_NAME_SKEW) return holdsBefore;
      time = created.timeCreated + Math.max(0, clock() - begun);
    }
    throw new OperatorError(
      "MARK_NOT_WRITTEN",
      "The mark was uploaded and took too long each time, so that instances may miss it. Try again.",
    );
  }

  return {
    async endSession({ sid, exp }) {
      await bucket.create({ name: sessionObject(sid), customTime: exp });
      await write("feed", { kind: "s", hash: sessionHash(sid) }, { expires: exp });
    },

    async endPeople(who, before) {
      const holdsBefore = await write("people", who, { before });
      await write("feed", who, { before: holdsBefore });
      return holdsBefore;
    },
  };
}
