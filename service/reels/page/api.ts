import type { ProblemDetails } from "../../http/problemDetails.ts";
import { parseTime } from "../../pure/seconds.ts";
import type { ClipList, ClipUrl, Reel } from "../wire.ts";
import type { Order } from "./order.ts";
import { retryDelay } from "./retry.ts";

/** The service answered with an error. `code` is the reason; status 401 means no session. */
export class RefusedError extends Error {
  readonly status: number;
  readonly code: string;

  constructor({ status, code, title, detail }: ProblemDetails) {
    super(detail ?? title);
    this.name = "RefusedError";
    this.status = status;
    this.code = code;
  }
}

interface ApiDeps {
  readonly fetch: typeof fetch;
  /** The session's CSRF token. */
  readonly csrfToken: () => string;
  /** Fetches a new CSRF token; false if there is none for this user. */
  readonly renewCsrfToken: () => Promise<boolean>;
  /** Resolves after a delay. */
  readonly wait: (milliseconds: number) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** A response's body and the service's time, because the device's clock may be wrong. */
export interface Answer<Body> {
  readonly body: Body;
  /** Unix time in seconds from the Date header; undefined without the header. */
  readonly date: number | undefined;
}

/**
 * The service's API. Transient failures are retried. Methods reject with RefusedError for an error
 * response, and with TypeError if the service can't be reached.
 */
export interface Api {
  clips(): Promise<Answer<ClipList>>;
  clipUrl(id: string): Promise<Answer<ClipUrl>>;
  reel(): Promise<Answer<Reel>>;
  saveReel(clips: Order): Promise<Answer<Reel>>;
}

/** Milliseconds for one attempt. */
const TIMEOUT = 12_000;

export function createApi({ fetch, csrfToken, renewCsrfToken, wait, random }: ApiDeps): Api {
  async function ask<Body>(path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    for (let attempt = 1; ; attempt++) {
      let response: Response | undefined;
      let reason: unknown;
      try {
        response = await fetch(path, {
          ...init,
          headers: { Accept: "application/json", ...init.headers },
          signal: AbortSignal.timeout(TIMEOUT),
        });
        if (response.ok) {
          const body = (await response.json()) as Body;
          return { body, date: parseTime(response.headers.get("date")) };
        }
      } catch (error) {
        reason = error;
      }
      // A response whose body was cut off counts as no response.
      const answer = reason === undefined ? response : undefined;
      const retryAfter = answer?.headers.get("retry-after");
      const delay = retryDelay({ status: answer?.status, retryAfter }, attempt, random());
      if (delay === undefined) throw answer ? await refusal(answer) : unreachable(reason);
      await wait(delay);
    }
  }

  return {
    clips: () => ask("/api/clips"),
    clipUrl: (id) => ask(`/api/clips/${id}/url`),
    reel: () => ask("/api/reel"),
    async saveReel(clips) {
      const save = () =>
        ask<Reel>("/api/reel", {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() },
          body: JSON.stringify({ clips }),
        });
      try {
        return await save();
      } catch (error) {
        const stale = error instanceof RefusedError && error.code === "csrf_token_invalid";
        if (stale && (await renewCsrfToken())) return save();
        throw error;
      }
    },
  };
}

/** The same error as without a response, also for a timeout or a response that was cut off. */
function unreachable(reason: unknown): TypeError {
  return reason instanceof TypeError
    ? reason
    : new TypeError("The service's response was late or incomplete.", { cause: reason });
}

async function refusal(response: Response): Promise<RefusedError> {
  const { status } = response;
  const unknown = { status, code: "unknown", title: `The service answered ${status}.` };
  try {
    const problem = (await response.json()) as Partial<ProblemDetails>;
    return new RefusedError({ ...unknown, ...problem, status });
  } catch {
    return new RefusedError(unknown);
  }
}
