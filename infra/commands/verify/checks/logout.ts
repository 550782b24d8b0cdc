import { isSkipped } from "../observations.ts";
import { isRemoval } from "../site/setCookie.ts";
import { type Check, type Fault, faultless, skipped } from "./check.ts";
import { isLost, LOST } from "./sessions.ts";

/** That signing out ends what the browser holds. */
export const logout: Check = {
  id: "logout",
  title: "sign-out",
  judge({ session, logout, now }) {
    if (!isSkipped(session) && isLost(session)) return skipped(LOST);
    if (isSkipped(logout)) return skipped(logout.skipped);
    const { answer, cookieName, after } = logout;
    const faults: Fault[] = [];
    const cleared = answer.setCookies.some(
      (cookie) => cookie.name === cookieName && isRemoval(cookie, now),
    );
    if (answer.status !== 303 || !cleared) {
      faults.push({
        seen: `POST /logout: ${answer.status}, cookie ${cleared ? "cleared" : "not cleared"}`,
        cause: "Signing out does not make the browser forget the session.",
        remedy: "Look for POST /logout in the service's log.",
      });
    }
    if (after.status !== 401) {
      faults.push({
        seen: `GET /api/clips afterwards: ${after.status}`,
        cause: "After signing out, the browser is still let in.",
        remedy: "Let the sign-out clear the session's cookie under the name that it was set with.",
      });
    }
    return faultless(faults, "clears the cookie, then 401");
  },
};
