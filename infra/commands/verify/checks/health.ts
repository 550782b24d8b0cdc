import { jsonOf } from "../site/answer.ts";
import { type Check, type Fault, faultless } from "./check.ts";

/** That the probes say what they should while requests are answered. */
export const health: Check = {
  id: "health",
  title: "health",
  judge({ health: { live, ready } }) {
    const faults: Fault[] = [];
    if (live.status !== 200 || jsonOf(live).status !== "live") {
      faults.push({
        seen: `GET /health/live: ${live.status}`,
        cause: "The liveness probe fails, and Cloud Run replaces instances that fail it.",
        remedy: "Look in the service's log for why.",
      });
    }
    if (ready.status !== 200 || jsonOf(ready).status !== "ready") {
      const { reason } = jsonOf(ready);
      faults.push({
        seen: `GET /health/ready: ${ready.status}${typeof reason === "string" ? ` (${reason})` : ""}`,
        cause:
          "An instance can't serve requests: most often SECRET_KEY can't be read, or is " +
          "shorter than 32 characters.",
        remedy:
          "Let SECRET_KEY name a secret with an enabled version of at least 32 characters " +
          "that the service may read; its log says what is missing.",
      });
    }
    return faultless(faults, "live and ready");
  },
};
