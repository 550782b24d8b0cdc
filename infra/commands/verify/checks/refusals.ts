import { codeOf, jsonOf, locationOf, mediaType } from "../site/answer.ts";
import { isSessionName } from "../site/setCookie.ts";
import { type Check, type Fault, failed, faultless, ok, skipped } from "./check.ts";

/** That programs without a session are told so in a way that they can act on. */
export const unauthorized: Check = {
  id: "unauthorized",
  title: "401 answers",
  judge({ stranger: { api } }) {
    const seen = `${api.status} ${mediaType(api) || "without a type"}`;
    if (api.status !== 401) {
      return failed(
        `GET /api/clips without a session: ${seen}`,
        "The API does not ask for a session.",
        "Put requireSignIn before every route of the API.",
      );
    }
    const code = codeOf(api);
    if (mediaType(api) === "application/problem+json" && jsonOf(api).status === 401 && code) {
      return ok(`problem document, code ${code}`);
    }
    return failed(
      `GET /api/clips without a session: ${seen}${code ? "" : ", no code"}`,
      "Programs can't tell from the answer what is wrong: it is no problem document (RFC " +
        "9457) with status and code.",
      "Answer with sendProblem, or let the answer pass unchanged through whatever stands before the service.",
    );
  },
};

/** That people without a session are sent to sign in, and back. */
export const pageRedirect: Check = {
  id: "page-redirect",
  title: "way to sign in",
  judge({ site, stranger: { page } }) {
    const target = locationOf(page, new URL("/reel-maker", site.url).href);
    const right =
      target?.origin === site.url.origin &&
      target.pathname === "/login" &&
      target.searchParams.get("returnTo") === "/reel-maker";
    if (right) return ok("from /reel-maker and back to it");
    const where = target === undefined ? "" : `, to ${target.origin}${target.pathname}`;
    return failed(
      `GET /reel-maker without a session: ${page.status}${where}`,
      "Pages don't send people without a session to sign in and back.",
      "Put requireSignIn before every page that needs a session.",
    );
  },
};

/** That a cookie which nobody gave out opens nothing, breaks nothing and clears nothing. */
export const forgeries: Check = {
  id: "forgeries",
  title: "forged cookies",
  judge({ forgeries }) {
    if (forgeries.length === 0) return skipped("none was tried");
    const faults = forgeries.flatMap(({ what, answer }): Fault[] => {
      const { status, setCookies } = answer;
      if (status >= 500) {
        return [
          {
            seen: `${what}: ${status}`,
            cause: "A cookie that does not open is taken for a fault of the service.",
            remedy: "Take it for no session. Look for the error in the service's log.",
          },
        ];
      }
      if (status !== 401) {
        return [
          {
            seen: `${what}: ${status}`,
            cause: "A cookie that nobody gave out is let in, or not refused as one.",
            remedy: "Close the site until sessions are checked by their seal again.",
          },
        ];
      }
      return setCookies.some(({ name }) => isSessionName(name))
        ? [
            {
              seen: `${what}: 401 and a cookie`,
              cause:
                "A cookie that does not open is cleared, which can come in late and end the " +
                "session that somebody has just signed in for.",
              remedy: "Leave the cookie where it is: the next sign-in replaces it.",
            },
          ]
        : [];
    });
    return faultless(faults, `${forgeries.length} kinds, each 401 and no cookie touched`);
  },
};
