import { isSkipped } from "../observations.ts";
import { type Check, failed, ok, skipped } from "./check.ts";

/** That nobody uses the site over http. */
export const https: Check = {
  id: "https",
  title: "https",
  judge({ site, plainHttp }) {
    if (!site.https && site.loopback) return skipped("the site is on this machine, over http");
    if (!site.https) {
      return failed(
        "the site is open over http",
        "Whoever is in between can read sessions and become their users.",
        "Use the https address of the site: Cloud Run gives it one. Let http lead there.",
      );
    }
    if (isSkipped(plainHttp)) return skipped(plainHttp.skipped);
    if (plainHttp.outcome === "closed") return ok("http is closed");
    const { status, leadsTo } = plainHttp;
    if (leadsTo?.protocol === "https:" && leadsTo.hostname === site.url.hostname) {
      return ok("http leads to https");
    }
    return failed(
      `http answers ${status}`,
      "The site also answers over http, and does not lead to https.",
      "Let what stands before the service redirect http to https, or close it.",
    );
  },
};

/** Seconds that clocks may differ without harm. */
const MAX_SKEW = 30;

/** That the server's clock is right: lifetimes of sessions and clip URLs are counted by it. */
export const clock: Check = {
  id: "clock",
  title: "clock",
  judge({ skew }) {
    if (skew === undefined) return skipped("no answer had a Date header");
    const seconds = Math.round(Math.abs(skew.seconds));
    if (seconds <= 1) return ok("as here");
    const seen = `${seconds} s ${skew.seconds > 0 ? "ahead of" : "behind"} this machine`;
    return seconds <= MAX_SKEW
      ? ok(seen)
      : failed(
          `${seen}${skew.instance === undefined ? "" : ` (${skew.instance})`}`,
          "The server's clock and this machine's differ. Where the server's is wrong, " +
            "sessions and sign-ins end early or late.",
          "Find out which one is wrong, and let it follow a time server.",
        );
  },
};
