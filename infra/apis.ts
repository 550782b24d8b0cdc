import { Service } from "@pulumi/gcp/projects/service.js";
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";

export interface ApisArgs {
  readonly project: string;
  /** APIs by their short name: `run` for run.googleapis.com. */
  readonly names: readonly Api[];
}

export type Api =
  | "certificatemanager"
  | "compute"
  | "iam"
  | "logging"
  | "monitoring"
  | "pubsub"
  | "run"
  | "secretmanager"
  | "storage";

/**
 * Enables Google's APIs. Resources depend on the API that they need, or the first `up` is a race.
 */
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
            // Other things in the project may use them.
            disableOnDestroy: false,
          },
          { parent: this },
        ),
      ]),
    );
    this.registerOutputs();
  }

  /** For `dependsOn`. @throws Error if the API is not in `names`, which is a bug. */
  of(api: Api): Service {
    const service = this.#services.get(api);
    if (service === undefined) throw new Error(`The API ${api} is used and not enabled.`);
    return service;
  }
}
