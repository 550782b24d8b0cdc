import type { Topic } from "@pulumi/gcp/pubsub/topic.js";
import { Secret } from "@pulumi/gcp/secretmanager/secret.js";
import { SecretIamMember } from "@pulumi/gcp/secretmanager/secretIamMember.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
} from "@pulumi/pulumi";
import type { RotationSchedule } from "../rotation/rotationSchedule.ts";
import { replicationOf } from "./replication.ts";

/** A destroyed version can be restored for a week. */
const DESTROY_DELAY = "604800s";

/** Lets Secret Manager announce that SECRET_KEY is due for a rotation. */
interface Rotation {
  readonly schedule: RotationSchedule;
  readonly topic: Topic;
  /** Lets Secret Manager publish. It publishes a test message as soon as the topic is set. */
  readonly publisherGrant: Resource;
}

interface SessionKeyArgs {
  readonly project: string;
  readonly secretId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  readonly rotation: Rotation | undefined;
  /** Regions of its replicas; empty: Google chooses. */
  readonly locations: readonly string[];
  readonly secretManagerApi: Resource;
}

/**
 * SECRET_KEY: a secret whose versions are the key ring. No version is a resource, so that no key is
 * in Pulumi's state: firstVersion.ts adds the first, and rotations add the others.
 */
export class SessionKey extends ComponentResource {
  readonly secret: Secret;
  /** The value of the service's SECRET_KEY: `sm://PROJECT/SECRET`. */
  readonly reference: string;

  constructor(name: string, args: SessionKeyArgs, opts?: ComponentResourceOptions) {
    super("infra:keys:SessionKey", name, {}, opts);
    const { rotation } = args;
    this.secret = new Secret(
      name,
      {
        project: args.project,
        secretId: args.secretId,
        labels: { ...args.labels },
        replication: replicationOf(args.locations),
        versionDestroyTtl: DESTROY_DELAY,
        deletionProtection: args.deletionProtection,
        ...(rotation && {
          topics: [{ name: rotation.topic.id }],
          rotation: {
            rotationPeriod: `${rotation.schedule.period}s`,
            nextRotationTime: rotation.schedule.firstTime,
          },
        }),
      },
      {
        parent: this,
        protect: args.deletionProtection,
        // Secret Manager advances the time itself, so a later deployment must not set it back. A
        // new schedule has to set it: Google refuses a missing time and one in the past.
        ignoreChanges: rotation && !rotation.schedule.isNew ? ["rotation.nextRotationTime"] : [],
        dependsOn: [args.secretManagerApi, ...(rotation ? [rotation.publisherGrant] : [])],
      },
    );
    this.reference = `sm://${args.project}/${args.secretId}`;
    this.registerOutputs();
  }

  /** Grants a role on this secret, and on no other. */
  grant(role: "secretAccessor" | "viewer" | "secretVersionManager", to: Grantee): SecretIamMember {
    return new SecretIamMember(
      `${to.name}-${role}`,
      {
        project: this.secret.project,
        secretId: this.secret.secretId,
        role: `roles/secretmanager.${role}`,
        member: to.member,
      },
      { parent: this },
    );
  }
}

/** The account that gets a role. */
export interface Grantee {
  /** Part of the grant's name. */
  readonly name: string;
  /** `serviceAccount:EMAIL`. */
  readonly member: Input<string>;
}
