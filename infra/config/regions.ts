import { shown } from "../../service/pure/printable.ts";
import { nearest } from "./nearest.ts";
import type { Settings } from "./settings.ts";

/**
 * Regions of Cloud Run: https://cloud.google.com/run/docs/locations. Google has a repository of its
 * base images in each.
 */
const CLOUD_RUN: ReadonlySet<string> = new Set([
  "africa-south1",
  "asia-east1",
  "asia-east2",
  "asia-northeast1",
  "asia-northeast2",
  "asia-northeast3",
  "asia-south1",
  "asia-south2",
  "asia-southeast1",
  "asia-southeast2",
  "australia-southeast1",
  "australia-southeast2",
  "europe-central2",
  "europe-north1",
  "europe-north2",
  "europe-southwest1",
  "europe-west1",
  "europe-west10",
  "europe-west12",
  "europe-west2",
  "europe-west3",
  "europe-west4",
  "europe-west6",
  "europe-west8",
  "europe-west9",
  "me-central1",
  "me-central2",
  "me-west1",
  "northamerica-northeast1",
  "northamerica-northeast2",
  "northamerica-south1",
  "southamerica-east1",
  "southamerica-west1",
  "us-central1",
  "us-east1",
  "us-east4",
  "us-east5",
  "us-south1",
  "us-west1",
  "us-west2",
  "us-west3",
  "us-west4",
]);

const SETTING = "regions";
const NO_BASE_IMAGE = "where there is no base image of Google's for the bundle";
const REGION = /^[a-z]+-[a-z]+\d{1,2}$/;

export function isRegion(name: string): boolean {
  return REGION.test(name);
}

/** The region of all that exists once. */
export function parseRegion(settings: Settings): string {
  const setting = "gcp:region";
  const region = settings.text(setting);
  if (!isRegion(region)) {
    settings.report(
      setting,
      region === "" ? "is not set" : `is ${shown(region)}, not a region`,
      settings.setLike(setting, "REGION", "europe-west1"),
    );
  } else if (!hasBaseImage(settings, region)) {
    const meant = closest(region);
    settings.report(
      setting,
      `is ${region}, ${NO_BASE_IMAGE}`,
      meant === undefined
        ? settings.setLike(setting, "REGION", "europe-west1")
        : settings.setTo(setting, meant),
    );
  }
  return region;
}

/**
 * The regions of the web service: `gcp:region`, then the others in the order of their names, so
 * that the order in the setting changes nothing.
 */
export function parseRegions(settings: Settings, region: string): string[] {
  const listed = settings.list(SETTING);
  if (listed.length === 0) return [region];
  const others = [...new Set(listed)].filter((name) => name !== region);
  const regions = [region, ...others];
  const set = (names: readonly string[]) => settings.setTo(SETTING, names.join(","));
  for (const name of others.filter((each) => !hasBaseImage(settings, each))) {
    const meant = closest(name, regions);
    const mended = regions.map((each) => (each === name ? (meant ?? "REGION") : each));
    settings.report(
      SETTING,
      `has ${shown(name)}, ${isRegion(name) ? NO_BASE_IMAGE : "which is not a region"}`,
      meant === undefined
        ? settings.setLike(SETTING, mended.join(), "europe-west1,us-central1")
        : set(mended),
    );
  }
  const twice = listed.find((name, index) => listed.indexOf(name) < index);
  if (twice !== undefined) settings.report(SETTING, `has ${shown(twice)} twice`, set(regions));
  // An invalid gcp:region has been reported already.
  if (listed[0] !== region && isRegion(region)) {
    settings.report(SETTING, `does not begin with gcp:region, ${region}`, set(regions));
  }
  if (regions.length > 1 && settings.text("domain") === "") {
    settings.report(
      "domain",
      `is not set, and the ${regions.length} regions of ${settings.nameOf(SETTING)} need one address`,
      settings.setLike("domain", "DOMAIN", "phoenix.acme.example"),
    );
  }
  return [region, ...others.toSorted()];
}

/** Whether the service can run there: a container image of one's own can run anywhere. */
function hasBaseImage(settings: Settings, region: string): boolean {
  return CLOUD_RUN.has(region) || (isRegion(region) && settings.text("image") !== "");
}

/** The region that is probably meant, other than those that are there already. */
function closest(name: string, others: readonly string[] = []): string | undefined {
  return nearest(
    name,
    [...CLOUD_RUN].filter((region) => !others.includes(region)),
  );
}
