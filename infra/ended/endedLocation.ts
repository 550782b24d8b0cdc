import { getBucket } from "@pulumi/gcp/storage/getBucket.js";
import { ConfigError } from "../../service/contract/errors.ts";
import { shown } from "../../service/pure/printable.ts";
import { isRegion } from "../config/regions.ts";
import type { Settings } from "../config/settings.ts";

const SETTING = "endedLocation";

/** European regions outside the multi-region EU: https://cloud.google.com/storage/docs/locations */
const OUTSIDE_EU = new Set(["europe-west2", "europe-west6"]);

/** Multi-regions, pairs of regions, regions: https://cloud.google.com/storage/docs/locations */
const LOCATION = /^(EU|US|ASIA|[A-Z]+\d|[A-Z]+-[A-Z]+\d{1,2})$/;

/**
 * Location of the bucket of ended sessions. Default: the multi-region that holds the first region.
 */
export function parseEndedLocation(settings: Settings, regions: readonly string[]): string {
  const text = settings.text(SETTING).toUpperCase();
  const location = text === "" ? multiRegionOf(regions[0] ?? "") : text;
  if (text !== "" && !LOCATION.test(text)) {
    settings.report(
      SETTING,
      `is ${shown(text)}, not a location of Cloud Storage`,
      `${settings.setLike(SETTING, "LOCATION", "EU")}, or ${lowerFirst(settings.remove(SETTING))} for the multi-region that holds gcp:region`,
    );
  } else if (regions.length > 1 && isRegion(location.toLowerCase())) {
    settings.report(
      SETTING,
      `is ${location}, a single region: an outage there would keep the list of ended sessions from every region`,
      settings.setLike(SETTING, "LOCATION", "EU, US, ASIA, EUR4, NAM4 or ASIA1"),
    );
  }
  return location;
}

/**
 * Refuses to move the bucket: Pulumi would replace it by an empty one, and sessions that have ended
 * would be accepted again.
 *
 * @throws ConfigError
 */
export async function checkEndedLocation(
  bucket: string,
  location: string,
  setting: string,
  stack: string,
): Promise<void> {
  const current = await locationOf(bucket);
  if (current === undefined || current === location) return;
  throw new ConfigError([
    {
      setting,
      cause: `is ${location}, but the bucket ${bucket} is in ${current}: a new bucket would be empty, and ended sessions would be accepted again`,
      remedy: `Run \`npx pulumi config set --stack ${stack} ${setting} ${current}\``,
    },
  ]);
}

/** Undefined if there is no such bucket yet, or it can't be read. */
async function locationOf(name: string): Promise<string | undefined> {
  try {
    return (await getBucket({ name })).location.toUpperCase() || undefined;
  } catch {
    // Before the first deployment there is none. Any other failure recurs when it is deployed.
    return undefined;
  }
}

function multiRegionOf(region: string): string {
  if (region.startsWith("us-")) return "US";
  if (region.startsWith("asia-")) return "ASIA";
  return region.startsWith("europe-") && !OUTSIDE_EU.has(region) ? "EU" : region.toUpperCase();
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
