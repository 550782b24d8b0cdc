import { Service } from "@pulumi/gcp/projects/service.js";
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";

interface ApisArgs {
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

/** Enables Google's APIs. Each resource depends on the API that it needs. */
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

  /** The API's resource, for `dependsOn`. @throws Error if it is not in `names` */
  of(api: Api): Service {
    const service = this.#services.get(api);
    if (service === undefined) throw new Error(`The API ${api} is used, but not enabled.`);
    return service;
  }
}
