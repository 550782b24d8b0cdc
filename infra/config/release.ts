import { shown } from "../../service/pure/printable.ts";
import type { PlacementConfig } from "./placement.ts";
import type { Settings } from "./settings.ts";

/** A revision's share of a region's traffic. Without `revision`, the newest revision's. */
export interface TrafficShare {
  readonly region: string;
  readonly revision?: string;
  readonly percent: number;
}

/** What is deployed, and how traffic is split between revisions. */
export interface ReleaseConfig {
  /** Google's base image under the bundle: STACK/runtimes/nodejsVERSION. */
  readonly baseImage: string;
  /** A container image by digest; undefined: the bundle is deployed. */
  readonly image: string | undefined;
  /** In a region without any, all traffic goes to the newest revision. */
  readonly traffic: readonly TrafficShare[];
  /** Any word. Changing it creates a new revision. */
  readonly redeploy: string;
}

export function parseRelease(settings: Settings, placement: PlacementConfig): ReleaseConfig {
  return {
    baseImage: parseBaseImage(settings),
    image: parseImage(settings),
    traffic: parseTraffic(settings, placement),
    redeploy: parseRedeploy(settings),
  };
}

function parseBaseImage(settings: Settings): string {
  const setting = "baseImage";
  const baseImage = settings.text(setting);
  if (!/^[a-z0-9-]+\/runtimes\/nodejs\d+$/.test(baseImage)) {
    settings.report(
      setting,
      `is ${shown(baseImage)}, not STACK/runtimes/nodejsVERSION`,
      settings.toDefault(setting),
    );
  }
  return baseImage;
}

/** Registries that Cloud Run can read; without a host it is Docker Hub. */
const READABLE =
  /^(([a-z]+\.)?gcr\.io|([a-z0-9-]+-)?docker\.pkg\.dev|docker\.io)\/|^[^.:/]+(\/|(:[^/]+)?@)/;

function parseImage(settings: Settings): string | undefined {
  const image = settings.text("image");
  if (image !== "" && !/^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$/.test(image)) {
    settings.report(
      "image",
      `is ${shown(image)}, which has no digest: the image could change without a deployment`,
      `${settings.setTo("image", "REPOSITORY@sha256:DIGEST")} with the digest that \`docker push\` printed`,
    );
  } else if (image !== "" && !READABLE.test(image)) {
    settings.report(
      "image",
      `is ${shown(image)}, in a registry that Cloud Run can't read`,
      `${settings.setTo("image", "REPOSITORY@sha256:DIGEST")} with a repository of Artifact Registry; a remote one serves other registries' images`,
    );
  }
  return image === "" ? undefined : image;
}

function parseRedeploy(settings: Settings): string {
  const redeploy = settings.text("redeploy");
  if (!/^[\w.-]{0,63}$/.test(redeploy)) {
    settings.report(
      "redeploy",
      `is ${shown(redeploy)}, not a word of up to 63 letters, digits, dots, hyphens and underscores`,
      settings.setTo("redeploy", "1"),
    );
  }
  return redeploy;
}

function parseTraffic(settings: Settings, placement: PlacementConfig): TrafficShare[] {
  const setting = "traffic";
  const { regions } = placement;
  const service = placement.names.web;
  const [first = ""] = regions;
  const one = regions.length === 1;
  const remedy =
    `${settings.setLike(setting, "SHARES", `${one ? "latest=10," : `${first}/latest=10,${first}/`}${service}-00007-abc=90`)}; ` +
    `\`gcloud run revisions list --service ${service} --region ${(one && first) || "REGION"} ` +
    `--project ${placement.project || "PROJECT"}\` shows the revisions`;
  const report = (cause: string) => settings.report(setting, cause, remedy);
  const pairs = settings.pairs(setting, remedy);
  const shares = pairs.flatMap(([target, percent]): TrafficShare[] => {
    const [, region, revision = ""] = /^(?:([^/]*)\/)?(.*)$/.exec(target) ?? [];
    if (!/^[1-9]\d{0,2}$/.test(percent)) {
      report(`gives ${shown(target)} ${shown(percent)}, not a percentage`);
    }
    if (revision !== "latest" && !isRevision(revision, service)) {
      report(`names ${shown(revision)}, which is neither latest nor a revision of ${service}`);
    }
    if (region !== undefined && !regions.includes(region)) {
      report(`names ${shown(target)}, and the service is not in that region`);
    }
    if (region === undefined && revision !== "latest" && !one) {
      report(`names ${shown(revision)} without its region: each region has revisions of its own`);
    }
    return (region === undefined ? regions : [region]).map((each) => ({
      region: each,
      ...(revision === "latest" ? {} : { revision }),
      percent: Number(percent),
    }));
  });
  if (pairs.length < settings.list(setting).length) return shares;
  for (const [region, own = []] of Map.groupBy(shares, (share) => share.region)) {
    const sum = own.reduce((total, share) => total + share.percent, 0);
    const where = one ? "" : ` in ${shown(region)}`;
    if (!Number.isNaN(sum) && sum !== 100) report(`adds up to ${sum} percent${where}, not 100`);
    if (new Set(own.map(({ revision }) => revision)).size < own.length) {
      report(`names a revision twice${where}`);
    }
  }
  return shares;
}

/** Cloud Run names revisions SERVICE-SUFFIX. */
function isRevision(name: string, service: string): boolean {
  return name.startsWith(`${service}-`) && /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}
