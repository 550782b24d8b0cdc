import { Service } from "@pulumi/gcp/projects/service.js";
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";

export interface ApisArgs {
  readonly project: string;
  /** APIs by their short name: `run` for run.googleapis.com. */
  readonly names: readonly Api[];
}

export type Api = "iam" | "logging" | "monitoring" | "pubsub" | "run" | "secretmanager" | "storage";

/** Google's APIs, enabled. Whatever uses one depends on it, or the first `up` would race it. */
export class Apis extends ComponentResource {
  readonly #services: ReadonlyMap<Api, Service>;

  constructor(name: string, args: ApisArgs, opts?: ComponentResourceOptions) {
    super("infra:apis:Apis", name, {}, opts);
    this.#services = new Map(
      args.names.map((api) => [
        api,
        new Service(
          api,
          {
            project: args.project,
            service: `${api}.googleapis.com`,
            // The project may use them for more than this stack.
            disableOnDestroy: false,
          },
          { parent: this },
        ),
      ]),
    );
    this.registerOutputs();
  }

  /** For `dependsOn`. @throws Error if the API is not among those that were asked for: a bug. */
  of(api: Api): Service {
    const service = this.#services.get(api);
    if (service === undefined) throw new Error(`The API ${api} is used and not enabled.`);
    return service;
  }
}
