import type { Site } from "../observations.ts";
import { settingDeployed } from "../remedies.ts";
import { type Answer, jsonOf, locationOf } from "../site/answer.ts";
import type { Client } from "../site/client.ts";
import { SiteError } from "../site/siteError.ts";

export interface OpenedSite {
  readonly site: Site;
  readonly live: Answer;
}

/**
 * Finds out whether this service is at an address. An http address that leads to https at the same
 * host stands for that one.
 * @throws SiteError if it can't be reached, or is something else
 */
export async function openSite(client: Client, url: URL): Promise<OpenedSite> {
  const live = await client.ask(new URL("/health/live", url));
  const target = locationOf(live, url.href);
  if (live.instance === undefined && target !== undefined) {
    const upgraded = url.protocol === "http:" && target.protocol === "https:";
    if (upgraded && target.hostname === url.hostname) {
      return openSite(client, new URL(target.origin));
    }
    throw new SiteError(
      "NOT_THIS_SERVICE",
      `${url.host} sends everyone to ${target.host}: if that is the site, give its address.`,
    );
  }
  if (live.instance === undefined && jsonOf(live).status !== "live") throw strangeAnswer(url, live);
  return {
    site: { url, https: url.protocol === "https:", loopback: isLoopback(url) },
    live,
  };
}

/** Whether an address is this machine's. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function strangeAnswer({ host }: URL, { status }: Answer): SiteError {
  if (status >= 500) {
    return new SiteError(
      "NO_INSTANCE",
      `${host} answers ${status} and no instance of the service is behind it: its log says why ` +
        "none starts, most often a SECRET_KEY that is missing or shorter than 32 characters.",
    );
  }
  if (status === 403) {
    return new SiteError(
      "NOT_PUBLIC",
      `${host} answers 403 before the service is asked: it is not open to the public. To let ` +
        `everyone in: ${settingDeployed("publicAccess", "invokerIamDisabled")}; where a policy of ` +
        "the organization forbids that, with allUsers in its place.",
    );
  }
  return new SiteError(
    "NOT_THIS_SERVICE",
    `What answers at ${host} is not this service, since GET /health/live gave ${status} and no ` +
      "instance's name: check the URL.",
  );
}
