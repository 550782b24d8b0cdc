import { type Settings, setTo, shown } from "./settings.ts";

/** A share of the traffic in percent; without a revision, that of the newest. */
export interface TrafficShare {
  readonly revision?: string;
  readonly percent: number;
}

/** What runs, and who gets which of it. */
export interface ReleaseConfig {
  /** Google's image that the bundle is laid over: STACK/runtimes/nodejsVERSION. */
  readonly baseImage: string;
  /** Undefined: the bundle is deployed. */
  readonly image: string | undefined;
  /** Empty: all traffic goes to the newest revision. */
  readonly traffic: readonly TrafficShare[];
}

export function parseRelease(settings: Settings, environment: string): ReleaseConfig {
  return {
    baseImage: parseBaseImage(settings),
    image: parseImage(settings),
    traffic: parseTraffic(settings, environment),
  };
}

function parseBaseImage(settings: Settings): string {
  const setting = "phoenix:baseImage";
  const baseImage = settings.text(setting);
  if (!/^[a-z0-9-]+\/runtimes\/nodejs\d+$/.test(baseImage)) {
    settings.report(
      setting,
      `is ${shown(baseImage)}, not STACK/runtimes/nodejsVERSION`,
      setTo(setting, "google-24-full/runtimes/nodejs24"),
    );
  }
  return baseImage;
}

function parseImage(settings: Settings): string | undefined {
  const image = settings.text("phoenix:image");
  if (image !== "" && !/^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$/.test(image)) {
    settings.report(
      "phoenix:image",
      `is ${shown(image)}, which names no digest, so that what runs could change by itself`,
      "Run `npx pulumi config set phoenix:image REPOSITORY@sha256:DIGEST` with the digest that `docker push` printed",
    );
  }
  return image === "" ? undefined : image;
}

function parseTraffic(settings: Settings, environment: string): TrafficShare[] {
  const setting = "phoenix:traffic";
  const example = `latest=10,phoenix-${environment}-00001-abc=90`;
  const pairs = settings.pairs(setting, example);
  const shares = pairs.map(([revision, percent]): TrafficShare => {
    if (!/^[1-9]\d{0,2}$/.test(percent)) {
      settings.report(
        setting,
        `gives ${shown(revision)} ${shown(percent)}, not a percentage`,
        setTo(setting, example),
      );
    }
    if (revision !== "latest" && !/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(revision)) {
      settings.report(
        setting,
        `names ${shown(revision)}, which is neither latest nor a revision`,
        `Run \`gcloud run revisions list --service phoenix-${environment}\` for their names`,
      );
    }
    return { ...(revision === "latest" ? {} : { revision }), percent: Number(percent) };
  });
  const sum = shares.reduce((total, share) => total + share.percent, 0);
  if (shares.length > 0 && !Number.isNaN(sum) && sum !== 100) {
    settings.report(setting, `adds up to ${sum} percent, not 100`, setTo(setting, example));
  }
  if (new Set(pairs.map(([revision]) => revision)).size < pairs.length) {
    settings.report(setting, "names a revision twice", setTo(setting, example));
  }
  return shares;
}
