import type { RequestListener } from "node:http";
import { isLoopbackHttp } from "../../service/contract/loopback.ts";

/**
 * Refuses requests for other hosts than this machine with 421 (RFC 9110, 15.5.20). A web page whose
 * name resolves to 127.0.0.1 can call a listener there as its own origin (DNS rebinding); only the
 * Host header shows that. Any port is accepted, because the listener may be behind a tunnel.
 */
export function forOwnHosts(listener: RequestListener): RequestListener {
  return (request, response) => {
    const url = URL.parse(`http://${request.headers.host}/`);
    if (url !== null && isLoopbackHttp(url)) {
      listener(request, response);
      return;
    }
    response.writeHead(421, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
    response.end("This server is for localhost only. Open it there.\n");
  };
}
