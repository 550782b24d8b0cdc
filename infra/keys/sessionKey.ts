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

/** How long a destroyed version can still be brought back: a week. */
const DESTROY_DELAY = "604800s";

/** Has Secret Manager announce when SECRET_KEY is due for a rotation. */
export interface Rotation {
  readonly schedule: RotationSchedule;
  readonly topic: Topic;
  /** The grant that lets Secret Manager publish: it tries to as soon as it is told the topic. */
  readonly publisherGrant: Resource;
}

export interface SessionKeyArgs {
  readonly project: string;
  readonly secretId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  readonly rotation: Rotation | undefined;
  /** Regions that it is kept in; empty: Google chooses. */
  readonly locations: readonly string[];
  readonly secretManagerApi: Resource;
}

/**
 * SECRET_KEY: a secret whose versions are the key ring. None of them is a resource, so that Pulumi
 * knows no key: firstVersion.ts adds the first, and the others are made on the running system.
 */
export class SessionKey extends ComponentResource {
  readonly secret: Secret;
  /** Notation by which the service reads it: `sm://PROJECT/SECRET`. */
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
        // Secret Manager moves the time on by itself. Only a new schedule sets it, and has to:
        // Pulumi would drop the time, or send one of the past, and Google refuses both.
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

/** Whom a role is granted to. */
export interface Grantee {
  /** Part of the grant's name. */
  readonly name: string;
  /** `serviceAccount:EMAIL`. */
  readonly member: Input<string>;
}
