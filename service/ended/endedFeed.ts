import {
  type Bucket,
  CLOUD_STORAGE_API,
  type ObjectPage,
  type StoredObject,
} from "../google/bucket.ts";
import { GoogleApiError } from "../google/googleApiError.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { CompletePoll, EndedList } from "./endedList.ts";
import { type Folder, firstNameBefore, type Mark, parseMarkObject } from "./marks.ts";
import { BEFORE } from "./markWriter.ts";

/** Objects per page: the API's maximum, about 200 kB. */
const PAGE_SIZE = 1000;

/**
 * Pages of the feed that one poll reads: a second's worth. An instance that was frozen for days
 * may have missed more; then the horizon moves up, as at a start.
 */
const MAX_PAGES = 10;

/** Limit for the pages of people's marks, in case a response always has a next page. */
const MAX_PEOPLE_PAGES = 1000;

/** Margin in the age of people's marks, for clock skew. */
const DAY: Seconds = 86_400;

export interface EndedFeedDeps {
  readonly bucket: Bucket;
  readonly list: EndedList;
  /** Maximum lifetime of a session in seconds. */
  readonly lifetime: Seconds;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  /** Called after each page. */
  readonly onPage?: (() => void) | undefined;
}

/**
 * One poll of the bucket: what came since the last complete one, into the list. The first one takes
 * a page of the feed, and so does one that finds more than it may read; the marks of people, which
 * no horizon replaces, are then read apart. Rejects with a GoogleApiError.
 *
 * Marks of people are read after the feed. So a mark that came by the feed's first page, whose time
 * the watermark becomes, is in one or the other.
 */
export async function pollEnded({
  bucket,
  list,
  lifetime,
  clock,
  onPage,
}: EndedFeedDeps): Promise<CompletePoll> {
  const since = list.since();
  const first = await page("feed");
  const { serverTime } = first;
  if (serverTime === undefined) throw invalid("Cloud Storage's answer does not say the time");
  const { end, oldest } = await learnPages("feed", first, since === undefined ? 1 : MAX_PAGES);
  if (end) return { serverTime };
  const people = await learnPages("people", await page("people"), MAX_PEOPLE_PAGES);
  if (people.end) return { serverTime, gapBelow: oldest };
  throw invalid("Cloud Storage's list of people's marks has no end");

  function page(folder: Folder, pageToken?: string): Promise<ObjectPage> {
    const from = since ?? (folder === "people" ? clock() - lifetime - DAY : undefined);
    return bucket.list({
      prefix: `${folder}/`,
      maxResults: PAGE_SIZE,
      ...(from !== undefined && { endOffset: firstNameBefore(folder, from) }),
      ...(pageToken !== undefined && { pageToken }),
    });
  }

  /** Learns the marks of pages. Returns whether all were read, and the time of the oldest name. */
  async function learnPages(folder: Folder, begin: ObjectPage, limit: number) {
    let current = begin;
    let oldest = Number.POSITIVE_INFINITY;
    for (let read = 1; ; read += 1) {
      const marks = current.objects.flatMap(markOf);
      // Names sort by time, newest first.
      list.learn(marks.toReversed());
      oldest = marks.at(-1)?.time ?? oldest;
      onPage?.();
      if (current.nextPageToken === undefined) return { end: true, oldest };
      if (read === limit) return { end: false, oldest };
      current = await page(folder, current.nextPageToken);
    }
  }
}

/** An object's mark; empty if its name is not a mark's. */
function markOf({ name, timeCreated, metadata }: StoredObject): Mark[] {
  const parsed = parseMarkObject(name);
  if (parsed === undefined) return [];
  // Whatever the metadata says, a mark ends no session that begins after it was written.
  const before = Math.min(Number(metadata[BEFORE] ?? timeCreated), timeCreated);
  return [{ ...parsed, before: Number.isNaN(before) ? timeCreated : before }];
}

function invalid(cause: string): GoogleApiError {
  return new GoogleApiError(CLOUD_STORAGE_API, "INVALID_ANSWER", cause);
}
