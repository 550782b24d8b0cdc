import { Router } from "express";
import type { SessionKeys } from "./keys/sessionKeys.ts";

export interface HealthDeps {
  readonly keys: SessionKeys;
  /** Whether the process is about to end. */
  readonly draining: () => boolean;
}

/** Probes. Not `/healthz`: Cloud Run reserves paths that end in z. */
export function healthRoutes({ keys, draining }: HealthDeps): Router {
  const routes = Router();
  routes.get("/health/live", (_req, res) => {
    res.set("Cache-Control", "no-store").json({ status: "live" });
  });
  routes.get("/health/ready", async (_req, res) => {
    res.set("Cache-Control", "no-store");
    const readiness = await keys.readiness();
    if (draining()) res.status(503).json({ status: "draining" });
    else if (readiness.ready) res.json({ status: "ready" });
    else res.status(503).json({ status: "not ready", reason: readiness.reason });
  });
  return routes;
}
