import { isSkipped, type Session } from "../observations.ts";
import { csrfTokenOf, mediaType } from "../site/answer.ts";
import { type Check, count, failed, ok, skipped } from "./check.ts";
import { isLost, LOST } from "./sessions.ts";

/** That the reel maker opens for somebody who is signed in. */
export const reelMaker: Check = {
  id: "reel-maker",
  title: "reel maker",
  judge({ session }) {
    if (isSkipped(session)) return skipped(session.skipped);
    const { page } = session;
    if (page.status >= 300 && page.status < 400 && isLost(session)) return skipped(LOST);
    if (page.status !== 200 || mediaType(page) !== "text/html") {
      return failed(
        `GET /reel-maker: ${page.status} ${mediaType(page)}`,
        "The page does not open, though the session is there.",
        "Look for the request in the service's log.",
      );
    }
    return csrfTokenOf(page) === undefined
      ? failed(
          "the page has no CSRF token",
          "The session holds no csrf_token, so nothing can be saved and nobody can sign out.",
          "Sign in again: each sign-in puts one into the session.",
        )
      : ok("opens");
  },
};

/** That clips' URLs and clips load, whichever instance answers. */
export const clips: Check = {
  id: "clips",
  title: "clips",
  judge({ session }) {
    if (isSkipped(session)) return skipped(session.skipped);
    const { listed, loaded, bytes, faults } = session.clips;
    const size = `${(bytes / 1e6).toFixed(1)} MB`;
    if (faults.size > 0) {
      const seen = [...faults].map(([what, times]) => `${what} (${times} ×)`).join(", ");
      return failed(
        `${seen}; ${loaded} loaded`,
        "Clips that a signed-in user may see don't load. A 403 says that an instance can't " +
          "open the URL that another one sealed.",
        "Look for the requests in the service's log. If instances don't share a key, see sessions.",
      );
    }
    if (loaded > 0) return ok(`${count(listed, "clip")}, loaded ${count(loaded, "time")}, ${size}`);
    if (isLost(session)) return skipped(LOST);
    return failed(
      listsNone(session),
      "GET /api/clips lists nothing that could be loaded.",
      "Deploy the service again with all of its clips.",
    );
  },
};

function listsNone({ clipList }: Session): string {
  return `GET /api/clips: ${clipList.status}, no clips`;
}
