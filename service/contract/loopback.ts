const NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a URL is http on the loopback interface, where nobody can eavesdrop. */
export function isLoopbackHttp({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && NAMES.has(hostname);
}
