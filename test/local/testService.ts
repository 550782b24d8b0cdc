import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Probe, Revision } from "./instance.ts";

/** Does what a fleet requires: logs its port, passes its probes, names itself, ends on SIGTERM. */
const SERVICE = `
const { createServer } = require("node:http");
const id = process.pid.toString(36);
let ready = true;
const server = createServer((request, response) => {
  response.setHeader("X-Instance", id);
  if (process.env.REGION) response.setHeader("X-Region", process.env.REGION);
  const [, what] = request.url.split("/");
  if (what === "ready") response.writeHead(ready ? 200 : 503).end();
  else if (what === "sick") { ready = false; response.end(); }
  else if (what === "well") { ready = true; response.end(); }
  else if (what === "hang" && process.env.HANGS) console.log("hanging");
  else if (what === "503") response.writeHead(503).end();
  else if (what === "slow") setTimeout(() => response.end(id), 200);
  else if (what === "env") response.end(JSON.stringify(process.env));
  else response.end(id);
});
if (process.env.BROKEN) { console.error("broken on purpose"); process.exit(1); }
server.listen(process.env.PORT, "127.0.0.1", () => {
  console.log(JSON.stringify({ event: "listening", port: server.address().port }));
});
process.once("SIGTERM", () => server.close());
`;

export const PROBE: Probe = {
  path: "/ready",
  initialDelaySeconds: 0,
  periodSeconds: 1,
  timeoutSeconds: 1,
  failureThreshold: 20,
  successThreshold: 1,
};

let directory: string | undefined;

/** A revision of a minimal service. */
export function revision(change: Partial<Revision> = {}): Revision {
  directory ??= writeService();
  return { directory, command: ["node", "index.js"], env: {}, startupProbe: PROBE, ...change };
}

export function removeTestService(): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  directory = undefined;
}

function writeService(): string {
  const made = mkdtempSync(join(tmpdir(), "phoenix-fleet-"));
  writeFileSync(join(made, "index.js"), SERVICE);
  return made;
}
