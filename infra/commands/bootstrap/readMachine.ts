import { join } from "node:path";
import { parse } from "yaml";
import { messageOf, OperatorError } from "../../../service/contract/errors.ts";
import { optional } from "../../../service/contract/settings.ts";
import { asObject, type JsonObject, parseJson } from "../../../service/pure/json.ts";
import type { FoundMachine, StackFile } from "./found.ts";
import { backendUrl, type Goal } from "./goal.ts";
import { pulumi } from "./item.ts";
import { asText, findByName, listFrom, type ReadDeps } from "./query.ts";

/** @param bucket Whether the state's bucket exists. */
export async function readMachine(
  goal: Goal,
  bucket: boolean,
  deps: ReadDeps,
): Promise<FoundMachine> {
  const { run } = deps;
  // Fails without a login, or if the backend is gone. Then the plan has a login.
  const { stdout } = await run("npx", ["pulumi", "whoami", "--json"]);
  const url = asObject(parseJson(stdout))?.url;
  const command = pulumi("stack", "ls", "--json");
  const stacks = bucket
    ? listFrom(
        command,
        await run(command.program, command.args, { PULUMI_BACKEND_URL: backendUrl(goal) }),
      )
    : [];
  return {
    quotaProject: readQuotaProject(deps),
    backend: typeof url === "string" ? url : undefined,
    stack: findByName(stacks, goal.environment) !== undefined,
    file: readStackFile(goal.environment, deps),
  };
}

/** https://cloud.google.com/docs/authentication/application-default-credentials */
function readQuotaProject({ env, readFile }: ReadDeps): string | undefined {
  if (optional(env, "GOOGLE_APPLICATION_CREDENTIALS") !== undefined) return "none";
  const folder =
    optional(env, "CLOUDSDK_CONFIG") ??
    (env.APPDATA === undefined
      ? join(env.HOME ?? "", ".config", "gcloud")
      : join(env.APPDATA, "gcloud"));
  const file = readFile(join(folder, "application_default_credentials.json"));
  const credentials = asObject(parseJson(file ?? ""));
  if (credentials?.type !== "authorized_user") return "none";
  return typeof credentials.quota_project_id === "string"
    ? credentials.quota_project_id
    : undefined;
}

/** The product's name, from Pulumi.yaml. */
export function readProductName(deps: Pick<ReadDeps, "readFile">): string {
  return String(readYaml("Pulumi.yaml", deps)?.name);
}

/** Pulumi.STACK.yaml; empty if there is none. */
export function readStackFile(stack: string, deps: Pick<ReadDeps, "readFile">): StackFile {
  const file = readYaml(`Pulumi.${stack}.yaml`, deps);
  const config = asObject(file?.config);
  const sets = (setting: string) =>
    Object.keys(config ?? {}).some((name) => name.endsWith(`:${setting}`));
  return {
    project: asText(config?.["gcp:project"]),
    region: asText(config?.["gcp:region"]),
    secretsProvider: asText(file?.secretsprovider),
    allowedUsers: sets("allowedUsers"),
    domain: sets("domain"),
  };
}

/** @throws OperatorError if it isn't YAML */
function readYaml(path: string, { readFile }: Pick<ReadDeps, "readFile">): JsonObject | undefined {
  try {
    return asObject(parse(readFile(path) ?? ""));
  } catch (error) {
    throw new OperatorError("CONFIG_INVALID", `${path} is not YAML: ${messageOf(error)}`);
  }
}
