import { type Settings, shown } from "./settings.ts";

/** Where a stack is, and how it is told from others. */
export interface PlaceConfig {
  /** Name of the stack: what sessions are bound to, and a part of every resource's name. */
  readonly environment: string;
  readonly project: string;
  readonly region: string;
  /** Includes the labels that every resource gets. */
  readonly labels: Readonly<Record<string, string>>;
  /** Whether what would be missed refuses to be deleted. */
  readonly deletionProtection: boolean;
}

/** The stack that `npm start` evaluates and runs on one machine; it is never deployed. */
export const LOCAL_STACK = "local";
/** Its project, so that nothing else is taken for it. */
export const LOCAL_PROJECT = "phoenix-local";

export function parsePlace(settings: Settings, environment: string): PlaceConfig {
  checkName(settings, environment);
  return {
    environment,
    project: parseProject(settings, environment),
    region: parseRegion(settings),
    labels: { ...parseLabels(settings), app: "phoenix", environment },
    deletionProtection: settings.boolean("phoenix:deletionProtection"),
  };
}

/** The longest name is a service account's: phoenix-ENVIRONMENT-rotator, 30 characters at most. */
function checkName(settings: Settings, environment: string): void {
  if (/^[a-z]([a-z0-9-]{0,12}[a-z0-9])?$/.test(environment)) return;
  settings.report(
    "The stack's name",
    `is ${shown(environment)}, not 1 to 14 lower-case letters, digits and hyphens`,
    `Run \`npx pulumi stack rename --stack ${environment} NAME\`, such as staging`,
  );
}

function parseProject(settings: Settings, environment: string): string {
  const project = settings.text("gcp:project");
  if (environment === LOCAL_STACK) {
    if (project !== LOCAL_PROJECT) {
      settings.report(
        "The stack",
        `is named ${LOCAL_STACK}, which is the one that runs on one machine and is never deployed`,
        "Run `npm start` to run it, or `npx pulumi up --stack dev` to deploy another",
      );
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

function parseRegion(settings: Settings): string {
  const region = settings.text("gcp:region");
  if (!/^[a-z]+-[a-z]+\d{1,2}$/.test(region)) {
    settings.report(
      "gcp:region",
      region === "" ? "is not set" : `is ${shown(region)}, not a region`,
      settings.setLike("gcp:region", "REGION", "europe-west1"),
    );
  }
  return region;
}

/** https://cloud.google.com/resource-manager/docs/labels-overview#requirements */
function parseLabels(settings: Settings): Record<string, string> {
  const setting = "phoenix:labels";
  const remedy = settings.setLike(setting, "LABELS", "team=web,cost-center=42");
  const pairs = settings.pairs(setting, remedy);
  for (const [key, value] of pairs) {
    const taken = key === "app" || key === "environment" || key.startsWith("goog");
    const valid = /^[a-z][a-z0-9_-]{0,62}$/.test(key) && /^[a-z0-9_-]{0,63}$/.test(value);
    if (valid && !taken) continue;
    const why = taken
      ? "whose key is taken"
      : "which Google does not take: only lower-case letters, digits, hyphens and underscores";
    settings.report(setting, `has ${shown(`${key}=${value}`)}, ${why}`, remedy);
  }
  return Object.fromEntries(pairs);
}
