import {
  type DeclaredResource,
  type DeclaredStack,
  type EvaluateOptions,
  evaluateStack,
} from "../support/declaredStack.ts";

/** The least configuration for dev and prod. */
export const DEPLOYED = { "gcp:project": "acme-phoenix", "phoenix:allowedUsers": "@acme.example" };
export const SIGN_IN = {
  "phoenix:oidcIssuer": "https://accounts.google.com",
  "phoenix:oidcClientId": "client-id",
  "phoenix:oidcClientSecret": "the-client-secret-of-the-provider",
};
export const ALERTS = { "phoenix:alertEmails": "oncall@acme.example, ada@acme.example" };

export const WEB = "gcp:cloudrunv2/service:Service web-europe-west1";
export const ROTATOR = "gcp:cloudrunv2/service:Service rotator";
export const SECRET = "gcp:secretmanager/secret:Secret session-key";

/** A declared stack, with resources by `TYPE NAME`. */
export interface Selected extends DeclaredStack {
  get(id: string): DeclaredResource;
  has(id: string): boolean;
  ofType(type: string): DeclaredResource[];
  /** `TYPE NAME` of a resource's transitive dependencies. */
  before(id: string): Set<string>;
}

const evaluated = new Map<string, Promise<Selected>>();

/** Evaluates a stack, with `DEPLOYED` unless it is local. Results are cached. */
export function declared(
  stack: "dev" | "prod" | "local",
  config: Record<string, string> = {},
  options?: EvaluateOptions,
): Promise<Selected> {
  const own = stack === "local" ? config : { ...DEPLOYED, ...config };
  if (options !== undefined) return evaluateStack(stack, own, options).then(select);
  const key = JSON.stringify([stack, own]);
  const known = evaluated.get(key) ?? evaluateStack(stack, own).then(select);
  evaluated.set(key, known);
  return known;
}

function select(result: DeclaredStack): Selected {
  const byUrn = new Map(result.resources.map((resource) => [resource.urn, resource]));
  const byId = new Map(result.resources.map((resource) => [idOf(resource), resource]));
  const get = (id: string) => {
    const resource = byId.get(id);
    if (resource === undefined) throw new Error(`There is no ${id}.`);
    return resource;
  };
  const visit = (resource: DeclaredResource, found: Set<string>) => {
    for (const urn of resource.options.dependencies) {
      const dependency = byUrn.get(urn);
      if (dependency === undefined || found.has(idOf(dependency))) continue;
      found.add(idOf(dependency));
      visit(dependency, found);
    }
    return found;
  };
  return {
    ...result,
    get,
    has: (id) => byId.has(id),
    ofType: (type) => result.resources.filter((resource) => resource.type === type),
    before: (id) => visit(get(id), new Set()),
  };
}

export function idOf({ type, name }: DeclaredResource): string {
  return `${type} ${name}`;
}

/** Each resource as text, without values that change with each evaluation. */
export function fingerprints({ resources }: Selected): Map<string, string> {
  return new Map(
    resources
      .filter(({ custom }) => custom)
      .map((resource) => [
        idOf(resource),
        JSON.stringify([resource.inputs, resource.options]).replace(
          /"nextRotationTime":"[^"]+"/g,
          "",
        ),
      ]),
  );
}

/** A nested value of a resource's inputs. */
export function input(resource: DeclaredResource, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], resource.inputs);
}

interface DeclaredVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueSource?: { secretKeyRef: { secret: string; version: string } };
}

export function environmentOf(service: DeclaredResource): DeclaredVariable[] {
  return input(service, "template.containers.0.envs") as DeclaredVariable[];
}

export function variable(service: DeclaredResource, name: string): string | undefined {
  return environmentOf(service).find((each) => each.name === name)?.value;
}
