import type { RequestListener } from "node:http";
import { isLoopbackHttp } from "../../service/contract/loopback.ts";

/**
 * Answers requests for this machine, and others with 421 (RFC 9110, 15.5.20). Any web page can have
 * a name that resolves to 127.0.0.1 and call a listener there as its own origin (DNS rebinding);
 * only the Host header tells. The port may be another one, as behind a tunnel.
 */
export function forOwnHosts(listener: RequestListener): RequestListener {
  return (request, response) => {
    const url = URL.parse(`http://${request.headers.host}/`);
    if (url !== null && isLoopbackHttp(url)) {
      listener(request, response);
      return;
    }
    response.writeHead(421, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
    response.end("This is at localhost only. Open it there.\n");
  };
}
