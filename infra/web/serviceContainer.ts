import type { cloudrunv2 } from "@pulumi/gcp/types/input.js";
import type { Input } from "@pulumi/pulumi";
import type { Release } from "../bundle/serviceBundle.ts";

type Container = cloudrunv2.ServiceTemplateContainer;

/** Where the value of an environment variable comes from, if it is not declared in the open. */
export interface SecretValue {
  readonly secret: Input<string>;
  /** Number of the version, so that each revision keeps the value that it was made with. */
  readonly version: Input<string>;
}

export type EnvironmentValue = string | SecretValue;

export interface ServiceContainerArgs {
  readonly release: Release;
  /** File of the bundle that is run. */
  readonly entry: "index.js" | "rotator.js";
  readonly environment: Readonly<Record<string, EnvironmentValue>>;
  readonly cpu: string;
  readonly memory: string;
}

/** Room for what a start leaves behind (MB), so that Node collects no garbage before it is ready. */
export const NODE_FLAGS = ["--min-semi-space-size=4"];

/** The container of a Cloud Run service that runs an entry of the bundle. */
export function serviceContainer(args: ServiceContainerArgs): Container {
  return {
    ...programOf(args.release, args.entry),
    envs: Object.entries(args.environment).map(([name, value]) => environmentVariable(name, value)),
    resources: {
      limits: { cpu: args.cpu, memory: args.memory },
      // Without it, naming resources at all turns request-based billing off.
      cpuIdle: true,
      startupCpuBoost: true,
    },
    // The web service is ready once it has read the keys: a revision that can't never gets traffic.
    // Asked often, because a visitor waits; and for minutes, because a new grant takes some to
    // reach Secret Manager: https://cloud.google.com/iam/docs/access-change-propagation
    startupProbe: {
      httpGet: { path: "/health/ready" },
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: 200,
    },
    // Live only means that the process answers, or an outage of Secret Manager would restart all.
    livenessProbe: {
      httpGet: { path: "/health/live" },
      periodSeconds: 10,
      timeoutSeconds: 4,
      failureThreshold: 3,
    },
  };
}

function programOf(release: Release, entry: string): Container {
  if ("image" in release) return { image: release.image, args: [...NODE_FLAGS, entry] };
  return {
    // The bundle is laid over Google's base image; there is no image of our own.
    image: "scratch",
    baseImageUri: release.baseImageUri,
    commands: ["node"],
    args: [...NODE_FLAGS, entry],
    sourceCode: { cloudStorageSource: release.source },
  };
}

function environmentVariable(
  name: string,
  value: EnvironmentValue,
): cloudrunv2.ServiceTemplateContainerEnv {
  return typeof value === "string"
    ? { name, value }
    : { name, valueSource: { secretKeyRef: value } };
}
