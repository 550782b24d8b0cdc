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
    settings.report(
      setting,
      `is ${region}, where there is no base image of Google's`,
      `${settings.setTo(setting, closest(region))}, or deploy an image: set ${settings.nameOf("image")}`,
    );
  }
  return region;
}

/**
 * The regions of the web service: `gcp:region`, then the others in the order of their names, so that
 * the order in the setting changes nothing.
 */
export function parseRegions(settings: Settings, region: string): string[] {
  const listed = settings.list(SETTING);
  const domain = settings.text("domain");
  if (listed.length === 0) return [region];
  const regions = [region, ...new Set(listed.filter((each) => each !== region))];
  const set = (names: readonly string[]) => settings.setTo(SETTING, names.join(","));
  for (const name of new Set(listed)) {
    const exists = isRegion(name) && (name === region || hasBaseImage(settings, name));
    if (exists) continue;
    settings.report(
      SETTING,
      isRegion(name)
        ? `has ${name}, where there is no base image of Google's`
        : `has ${shown(name)}, which is not a region`,
      `${set(regions.map((each) => (each === name ? closest(name) : each)))}, or deploy an image: ` +
        `set ${settings.nameOf("image")}`,
    );
  }
  const twice = listed.find((name, index) => listed.indexOf(name) < index);
  if (twice !== undefined) settings.report(SETTING, `has ${shown(twice)} twice`, set(regions));
  if (listed[0] !== region) {
    settings.report(
      SETTING,
      `begins with ${shown(listed[0] ?? "")}, not with gcp:region, ${shown(region)}, which has the rotator as well`,
      set(regions),
    );
  }
  if (regions.length > 1 && domain === "") {
    settings.report(
      SETTING,
      `has ${regions.length} regions, which need one address: ${settings.nameOf("domain")} is not set`,
      settings.setLike("domain", "DOMAIN", "phoenix.acme.example"),
    );
  }
  const [, ...others] = regions;
  return [region, ...others.toSorted()];
}

/** Whether the bundle can run there; a container image can run anywhere. */
function hasBaseImage(settings: Settings, region: string): boolean {
  return CLOUD_RUN.has(region) || settings.text("image") !== "";
}

function closest(name: string): string {
  return nearest(name, CLOUD_RUN) ?? "europe-west1";
}
