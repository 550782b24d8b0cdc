const NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether that is http to this very machine, where nobody listens in. */
export function isLoopbackHttp({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && NAMES.has(hostname);
}
