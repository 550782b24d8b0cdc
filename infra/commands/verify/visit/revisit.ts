import { type Before, instancesOf, type Snapshot } from "../observations.ts";
import { tokenForm } from "../site/token.ts";
import type { Browsing } from "./signIn.ts";
import { Traffic } from "./traffic.ts";

export interface RevisitOptions {
  readonly snapshot: Snapshot;
  /** The instances that are known to be there. */
  readonly instances: readonly string[];
  /** The most requests. */
  readonly requests: number;
}

const WIDTH = 12;

/** Comes with the session from before the deployment, until every instance has been asked. */
export async function revisit(
  { client, site }: Browsing,
  { snapshot, instances, requests }: RevisitOptions,
): Promise<Before> {
  const traffic = new Traffic(client, site.url, snapshot.cookie);
  for (let sent = 0; sent < requests && (sent === 0 || !seenAll()); sent += WIDTH) {
    await Promise.all(Array.from({ length: WIDTH }, () => traffic.tryToAsk("/api/clips")));
  }
  return { snapshot, token: tokenForm(snapshot.cookie.value), visits: traffic.visits };

  function seenAll(): boolean {
    const seen = new Set(instancesOf(traffic.visits));
    return instances.every((instance) => seen.has(instance));
  }
}
