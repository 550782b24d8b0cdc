import type { Problem } from "../../service/contract/errors.ts";
import { shown } from "../../service/pure/printable.ts";
import { type StackId, type StackNames, stackNames } from "../names.ts";
import { isRegion, parseRegion, parseRegions } from "./regions.ts";
import type { Settings } from "./settings.ts";

/** A stack's project, regions, names and labels. */
export interface PlacementConfig extends StackId {
  readonly names: StackNames;
  readonly project: string;
  /** Of all that exists once: the rotator, for example. */
  readonly region: string;
  /** Of the web service; the first is `region`. */
  readonly regions: readonly string[];
  /** Includes the labels that every resource gets. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether SECRET_KEY, the web service and the buckets refuse to be deleted. */
  readonly deletionProtection: boolean;
  /** Regions of the secrets' replicas; empty: Google chooses them. */
  readonly secretLocations: readonly string[];
}

/** The stack that `npm start` evaluates and runs on this machine. It is never deployed. */
export const LOCAL_STACK = "local";

/** The project ID that the local stack has to name, so that no real project can be meant. */
export function localProject(product: string): string {
  return `${product}-local`;
}

export function parsePlacement(settings: Settings, id: StackId): PlacementConfig {
  const { product, environment } = id;
  settings.problems.push(...findNameProblems(id));
  const project = parseProject(settings, id);
  const region = parseRegion(settings);
  const regions = parseRegions(settings, region);
  return {
    ...id,
    project,
    names: stackNames(project, id),
    region,
    regions,
    labels: { ...parseLabels(settings), app: product, environment },
    deletionProtection: settings.boolean("deletionProtection"),
    secretLocations: parseSecretLocations(settings, regions),
  };
}

/**
 * Lengths of a service account's ID, the shortest limit of all of the names:
 * https://cloud.google.com/iam/docs/service-accounts-create
 */
const ACCOUNT = { min: 6, max: 30 };
const ROTATOR = "-rotator";
/** Leaves room for the stacks of this repository, of which `local` has the longest name. */
const LONGEST_PRODUCT = ACCOUNT.max - `-local${ROTATOR}`.length;

/**
 * Endings with which two stacks in one project would share the name of an account (infra/names.ts)
 * or of a load balancer's part (infra/domain/loadBalancer.ts).
 */
const TAKEN = /(^|-)(push|rotator|deploy|preview|redirect)$/;

/** Problems with the names of a Pulumi project and its stack. */
export function findNameProblems({ product, environment }: StackId): Problem[] {
  const word = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
  // Google refuses bucket names that contain "goog".
  if (!word.test(product) || product.length > LONGEST_PRODUCT || /goog/.test(product)) {
    return [
      {
        setting: "The project's name",
        cause: `is ${shown(product)}, not 1 to ${LONGEST_PRODUCT} lower-case letters, digits and hyphens, with no "goog" in it`,
        remedy: "Change `name` in Pulumi.yaml, and the prefix in the stacks' files with it",
      },
    ];
  }
  const setting = "The stack's name";
  const remedy = `Run \`npx pulumi stack rename --stack ${environment} NAME\`, such as staging`;
  const least = Math.max(1, ACCOUNT.min - `${product}-`.length);
  const most = ACCOUNT.max - `${product}-${ROTATOR}`.length;
  const { length } = environment;
  if (!word.test(environment) || length < least || length > most) {
    const cause = `is ${shown(environment)}, not ${least} to ${most} lower-case letters, digits and hyphens`;
    return [{ setting, cause, remedy }];
  }
  if (!TAKEN.test(environment)) return [];
  const cause = `is ${shown(environment)}, and ${product}-${environment} is a name of another stack's in the same project`;
  return [{ setting, cause, remedy }];
}

function parseProject(settings: Settings, { product, environment }: StackId): string {
  const project = settings.text("gcp:project");
  if (environment === LOCAL_STACK) {
    if (project !== localProject(product)) {
      settings.problems.push({
        setting: "The stack",
        cause: `is named ${LOCAL_STACK}, which is the one that runs on one machine and is never deployed`,
        remedy: "Run `npm start` to run it, or `npx pulumi up --stack dev` to deploy another",
      });
    }
    return project;
  }
  if (!/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(project)) {
    settings.report(
      "gcp:project",
      project === "" ? "is not set" : `is ${shown(project)}, not the ID of a project`,
      `${settings.setTo("gcp:project", "ID")} with the ID that \`gcloud projects list\` shows`,
    );
  }
  return project;
}

function parseSecretLocations(settings: Settings, regions: readonly string[]): string[] {
  const setting = "secretLocations";
  const locations = settings.list(setting);
  for (const location of locations.filter((each) => !isRegion(each))) {
    settings.report(
      setting,
      `has the entry ${shown(location)}, which is not a region`,
      settings.setLike(setting, "REGIONS", "europe-west1,europe-west4"),
    );
  }
  const unique = [...new Set(locations)].toSorted();
  if (unique.length === 1 && regions.length > 1) {
    settings.report(
      setting,
      `is ${shown(unique[0] ?? "")} alone: an outage there would take the keys from every region`,
      settings.setTo(setting, regions.toSorted().join(",")),
    );
  }
  return unique;
}

/** A resource has at most 64, two of which are the program's. */
const MOST_LABELS = 62;

/** https://cloud.google.com/resource-manager/docs/labels-overview#requirements */
function parseLabels(settings: Settings): Record<string, string> {
  const setting = "labels";
  const remedy = settings.setLike(setting, "LABELS", "team=web,cost-center=42");
  const pairs = settings.pairs(setting, remedy);
  for (const [key, value] of pairs) {
    const taken = key === "app" || key === "environment" || key.startsWith("goog");
    const valid = /^[a-z][a-z0-9_-]{0,62}$/.test(key) && /^[a-z0-9_-]{1,63}$/.test(value);
    if (valid && !taken) continue;
    const why = taken
      ? "whose key is taken"
      : "which Google does not take: only lower-case letters, digits, hyphens and underscores";
    settings.report(setting, `has ${shown(`${key}=${value}`)}, ${why}`, remedy);
  }
  const labels = Object.fromEntries(pairs);
  const { length } = Object.keys(labels);
  if (length < pairs.length) settings.report(setting, "has a key twice", remedy);
  if (length > MOST_LABELS) {
    settings.report(setting, `has ${length} labels, more than ${MOST_LABELS}`, remedy);
  }
  return labels;
}
