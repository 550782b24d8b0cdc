import { randomBytes } from "node:crypto";
import { Secret } from "@pulumi/gcp/secretmanager/secret.js";
import { SecretIamMember } from "@pulumi/gcp/secretmanager/secretIamMember.js";
import { SecretVersion } from "@pulumi/gcp/secretmanager/secretVersion.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
  secret,
} from "@pulumi/pulumi";

/** How long a destroyed version can still be brought back: a week. */
const DESTROY_DELAY = "604800s";

export interface RotationSchedule {
  /** Seconds between two rotations. */
  readonly period: number;
  /** When the schedule is new: RFC 3339, at least five minutes ahead. */
  readonly firstTime: string;
  /** Whether Secret Manager follows a schedule of this period already. */
  readonly running: boolean;
  /** Where Secret Manager announces that a rotation is due. */
  readonly topic: Input<string>;
  /** What has to be there first: the grant that lets Secret Manager publish. */
  readonly dependsOn: readonly Resource[];
}

export interface SessionKeyArgs {
  readonly project: string;
  readonly secretId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  readonly rotation: RotationSchedule | undefined;
  readonly secretManagerApi: Resource;
}

/**
 * SECRET_KEY: a secret whose versions are the key ring. The program makes the first version and
 * never touches one again; rotating, disabling and destroying are done on the running system.
 */
export class SessionKey extends ComponentResource {
  readonly secret: Secret;
  readonly firstVersion: SecretVersion;
  /** Notation by which the service reads it: `sm://PROJECT/SECRET`. */
  readonly reference: string;

  constructor(name: string, args: SessionKeyArgs, opts?: ComponentResourceOptions) {
    super("phoenix:infra:SessionKey", name, {}, opts);
    const { rotation } = args;
    this.secret = new Secret(
      name,
      {
        project: args.project,
        secretId: args.secretId,
        labels: { ...args.labels },
        replication: { auto: {} },
        versionDestroyTtl: DESTROY_DELAY,
        deletionProtection: args.deletionProtection,
        ...(rotation && {
          topics: [{ name: rotation.topic }],
          rotation: {
            rotationPeriod: `${rotation.period}s`,
            nextRotationTime: rotation.firstTime,
          },
        }),
      },
      {
        parent: this,
        protect: args.deletionProtection,
        // Secret Manager moves the time on by itself; only a new schedule is to set it.
        ignoreChanges: rotation?.running ? ["rotation.nextRotationTime"] : [],
        dependsOn: [args.secretManagerApi, ...(rotation?.dependsOn ?? [])],
      },
    );
    this.firstVersion = new SecretVersion(
      `${name}-first-version`,
      {
        secret: this.secret.id,
        // Random on every run and written once only, because the number beside it stays.
        secretDataWo: secret(randomBytes(32).toString("base64url")),
        secretDataWoVersion: 1,
        // Sessions that it sealed outlive this resource.
        deletionPolicy: "ABANDON",
      },
      {
        parent: this,
        // A version that was disabled because it leaked stays disabled.
        ignoreChanges: ["enabled"],
        additionalSecretOutputs: ["secretDataWo"],
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
