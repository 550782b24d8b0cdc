import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

/**
 * A `fetch` that connects to an address in place of what DNS says of one host. The Host header and
 * TLS stay the host's. It follows no redirects. The platform's own can't be told an address.
 *
 * @example
 * fetchAt("phoenix.acme.example", "203.0.113.10")("https://phoenix.acme.example/health/live");
 */
export function fetchAt(host: string, address: string): typeof fetch {
  const lookup: LookupFunction = (_host, { all }, found) => {
    const family = isIP(address);
    if (all) found(null, [{ address, family }]);
    else found(null, address, family);
  };
  return async function resolvedFetch(input, init) {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (url.hostname !== host) return fetch(input, init);
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const { method, signal } = request;
    const headers = Object.fromEntries(request.headers);
    const body = await request.text();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      send(url, { method, headers, lookup, signal })
        .once("response", resolve)
        .once("error", (error) => reject(signal.aborted ? signal.reason : error))
        .end(body);
    });
    return toResponse(response, method);
  };
}

function toResponse(message: IncomingMessage, method: string): Response {
  const { statusCode: status = 0, headersDistinct } = message;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const empty = method === "HEAD" || status === 204 || status === 304;
  if (empty) message.resume();
  // Two declarations of one class: Node's streams and those of its Web APIs.
  const body = empty ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
  return new Response(body, { status, headers });
}
