import type { ClipList, ClipUrl, ProblemDetails, Reel } from "../wire.ts";
import type { Order } from "./order.ts";
import { retryDelay } from "./retry.ts";

/** The service refused: `code` says why, `status` 401 that the session is over. */
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

export interface ApiDeps {
  readonly fetch: typeof fetch;
  /** The page's token for requests that change something. */
  readonly csrfToken: () => string;
  /** Fetches the token anew; false if there is no other one for this user. */
  readonly renewCsrfToken: () => Promise<boolean>;
  /** Resolves after so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** What the service answered, and when it said so: its clock counts, not this device's. */
export interface Answer<Body> {
  readonly body: Body;
  /** The service's Unix time in seconds; undefined if it did not say. */
  readonly date: number | undefined;
}

/** The service's API. Passing failures are tried again; others throw (RefusedError, TypeError). */
export interface Api {
  clips(): Promise<Answer<ClipList>>;
  clipUrl(id: string): Promise<Answer<ClipUrl>>;
  reel(): Promise<Answer<Reel>>;
  saveReel(clips: Order): Promise<Answer<Reel>>;
}

const TIMEOUT = 12_000;

export function createApi({ fetch, csrfToken, renewCsrfToken, wait, random }: ApiDeps): Api {
  async function once(path: string, init: RequestInit): Promise<Response> {
    return fetch(path, {
      ...init,
      headers: { Accept: "application/json", ...init.headers },
      signal: AbortSignal.timeout(TIMEOUT),
    });
  }

  async function ask<Body>(path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    for (let attempt = 1; ; attempt++) {
      let response: Response | undefined;
      let reason: unknown;
      try {
        response = await once(path, init);
        if (response.ok) {
          return { body: (await response.json()) as Body, date: dateOf(response) };
        }
      } catch (error) {
        reason = error;
      }
      // An answer that broke off is as good as none.
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

function dateOf(response: Response): number | undefined {
  const milliseconds = Date.parse(response.headers.get("date") ?? "");
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** What `fetch` itself throws without an answer: too late, or broken off, means no more than that. */
function unreachable(reason: unknown): TypeError {
  return reason instanceof TypeError
    ? reason
    : new TypeError("The service gave no whole answer.", { cause: reason });
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
