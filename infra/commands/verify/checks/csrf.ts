import { isSkipped } from "../observations.ts";
import { codeOf } from "../site/answer.ts";
import { type Check, type Fault, faultless, skipped } from "./check.ts";
import { isLost, LOST } from "./sessions.ts";

/** That another site can't save anything in a user's name, and the user can. */
export const csrf: Check = {
  id: "csrf",
  title: "CSRF",
  judge({ session }) {
    if (isSkipped(session)) return skipped(session.skipped);
    const { csrf } = session;
    if (isLost(session)) return skipped(LOST);
    if (isSkipped(csrf)) return skipped(csrf.skipped);
    const { withoutToken, wrongToken, rightToken, expected, reelKept } = csrf;
    const faults: Fault[] = [];
    for (const [what, { status }] of [
      ["without a token", withoutToken],
      ["with a wrong token", wrongToken],
    ] as const) {
      if (status === 403) continue;
      faults.push({
        seen: `POST /api/reel ${what}: ${status}`,
        cause: "Requests that other sites can make are not refused.",
        remedy: "Put csrfProtection before every route that changes something.",
      });
    }
    if (rightToken.status !== expected) {
      const code = codeOf(rightToken);
      faults.push({
        seen: `POST /api/reel with the right token: ${rightToken.status}${code ? ` (${code})` : ""}`,
        cause: "Users can't save their reel.",
        remedy: "Look for the request in the service's log.",
      });
    }
    if (reelKept === false) {
      faults.push({
        seen: "the reel has changed",
        cause: "What was saved for the test stayed, or somebody saved something meanwhile.",
        remedy: "Look at your reel, and put it right.",
      });
    }
    return faultless(faults, "needs the right token; the reel is as it was");
  },
};
