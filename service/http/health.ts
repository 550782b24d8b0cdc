import type { ServerResponse } from "node:http";
import { Router } from "express";
import type { SessionKeys } from "../keys/sessionKeys.ts";

interface HealthDeps {
  readonly keys: SessionKeys;
  /** Whether the process is draining after SIGTERM. */
  readonly draining: () => boolean;
}

/** Liveness and readiness. Not `/healthz`: Cloud Run reserves paths that end in z. */
export function healthRoutes({ keys, draining }: HealthDeps): Router {
  const routes = Router();
  routes.get("/health/live", (_req, res) => answer(res, 200, { status: "live" }));
  routes.get("/health/ready", async (_req, res) => {
    const readiness = await keys.readiness();
    if (draining()) answer(res, 503, { status: "draining" });
    else if (readiness.ready) answer(res, 200, { status: "ready" });
    else answer(res, 503, { status: "not ready", code: readiness.code });
  });
  return routes;
}

/** Avoids Express's response methods, whose first use adds a millisecond to each cold start. */
function answer(res: ServerResponse, status: number, body: object): void {
  res.statusCode = status;
  res.setHeader("Content-Type", "application/json; charset=utf-8");
  res.setHeader("Cache-Control", "no-store");
  res.end(JSON.stringify(body));
}
