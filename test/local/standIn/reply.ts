import { withoutZeros } from "../../support/googleJson.ts";

/** A request to a stand-in. */
export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The body as text; empty if there is none. */
  readonly body: string;
}

/** A response, or a connection that hangs or breaks. */
export type Reply =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly type: string;
      readonly body: string;
    }
  | { readonly kind: "hang" }
  | { readonly kind: "cut" };

/** A stand-in for an API, without a server. */
export interface StandIn {
  /** The API's time, in Unix seconds. */
  now(): number;
  handle(request: ApiRequest): Reply | Promise<Reply>;
}

export function answer(status: number, body: object): Reply {
  return {
    kind: "answer",
    status,
    type: "application/json",
    body: JSON.stringify(withoutZeros(body)),
  };
}

/** `fetch` of a stand-in, without a network. */
export function fetchOf({ now, handle }: StandIn): typeof fetch {
  return async (input, init = {}) => {
    const { signal } = init;
    signal?.throwIfAborted();
    const url = new URL(input instanceof Request ? input.url : input);
    const body = typeof init.body === "string" ? init.body : "";
    const headers = Object.fromEntries(new Headers(init.headers));
    const handled = handle({ method: init.method ?? "GET", url, headers, body });
    const reply = handled instanceof Promise ? await unlessAborted(handled, signal) : handled;
    if (reply.kind === "hang") return unlessAborted(new Promise(() => undefined), signal);
    if (reply.kind === "cut") {
      throw new TypeError("fetch failed", { cause: { code: "UND_ERR_SOCKET" } });
    }
    const answered = { "content-type": reply.type, date: httpDate(now()) };
    return new Response(reply.body, { status: reply.status, headers: answered });
  };
}

export function httpDate(time: number): string {
  return new Date(time * 1000).toUTCString();
}

function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | null | undefined,
): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  work.then(resolve, reject);
  return promise;
}
