import { Service } from "@pulumi/gcp/cloudrunv2/service.js";
import { ServiceIamMember } from "@pulumi/gcp/cloudrunv2/serviceIamMember.js";
import { ServiceIdentity } from "@pulumi/gcp/projects/serviceIdentity.js";
import { Subscription } from "@pulumi/gcp/pubsub/subscription.js";
import type { Topic } from "@pulumi/gcp/pubsub/topic.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { IAMMember } from "@pulumi/gcp/serviceaccount/iammember.js";
import { ComponentResource, type ComponentResourceOptions, interpolate } from "@pulumi/pulumi";
import type { ProgramEnvironment } from "../../service/contract/environment.ts";
import type { Apis } from "../apis.ts";
import type { Release } from "../bundle/serviceBundle.ts";
import type { SessionKey } from "../keys/sessionKey.ts";
import { accountTitle, type StackNames } from "../names.ts";
import { serviceContainer } from "../web/serviceContainer.ts";
import { DeadLetters } from "./deadLetters.ts";

/** Secret Manager also publishes every change of the secret. This event means a rotation is due. */
const ROTATION_DUE = 'attributes.eventType="SECRET_ROTATE"';

/**
 * Exponential backoff from 10 s to 10 min: with it, 20 attempts bridge an outage of two and a half
 * hours.
 */
const RETRY = { minimumBackoff: "10s", maximumBackoff: "600s", attempts: 20 };

interface KeyRotatorArgs {
  readonly project: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly names: Pick<StackNames, "rotator" | "push" | "rotation" | "deadLetters">;
  readonly apis: Apis;
  readonly release: Release;
  readonly environment: ProgramEnvironment<"rotator"> & Readonly<Record<string, string>>;
  readonly sessionKey: SessionKey;
  /** Where Secret Manager announces that a rotation is due. */
  readonly topic: Topic;
}

/** Adds a version to SECRET_KEY whenever Secret Manager announces that a rotation is due. */
export class KeyRotator extends ComponentResource {
  readonly service: Service;
  readonly deadLetters: DeadLetters;

  constructor(name: string, args: KeyRotatorArgs, opts?: ComponentResourceOptions) {
    super("infra:rotation:KeyRotator", name, {}, opts);
    const { project, region, labels, names, apis } = args;
    this.service = this.#declareService(name, args);

    const pushAccount = new Account(
      `${name}-push`,
      {
        project,
        accountId: names.push,
        displayName: accountTitle(names.push, "push"),
        // `npm run bootstrap` may have created it, to let only deployments act as it.
        createIgnoreAlreadyExists: true,
      },
      { parent: this, dependsOn: [apis.of("iam")] },
    );
    const invoker = new ServiceIamMember(
      `${name}-invoker`,
      {
        project,
        location: region,
        name: this.service.name,
        role: "roles/run.invoker",
        member: pushAccount.member,
      },
      { parent: this },
    );
    const identity = new ServiceIdentity(
      "pubsub-identity",
      { project, service: "pubsub.googleapis.com" },
      { parent: this, dependsOn: [apis.of("pubsub")] },
    );
    // A service agent that is created this way may lack the role that it needs to sign push tokens.
    const tokenCreator = new IAMMember(
      `${name}-push-token-creator`,
      {
        serviceAccountId: pushAccount.name,
        role: "roles/iam.serviceAccountOpenIdTokenCreator",
        member: identity.member,
      },
      { parent: this },
    );
    this.deadLetters = new DeadLetters(
      `${name}-dead-letters`,
      {
        project,
        name: names.deadLetters,
        labels,
        forwarder: identity.member,
        pubsubApi: apis.of("pubsub"),
      },
      { parent: this },
    );
    const subscription = new Subscription(
      name,
      {
        project,
        name: names.rotation,
        topic: args.topic.id,
        labels: { ...labels },
        filter: ROTATION_DUE,
        ackDeadlineSeconds: 60,
        // By default, Google deletes a subscription after 31 days without activity.
        expirationPolicy: { ttl: "" },
        pushConfig: {
          // With internal ingress, Cloud Run accepts a push only at the service's own URL.
          pushEndpoint: interpolate`${this.service.uri}/`,
          oidcToken: {
            serviceAccountEmail: pushAccount.email,
            audience: args.environment.PUSH_AUDIENCE,
          },
        },
        retryPolicy: {
          minimumBackoff: RETRY.minimumBackoff,
          maximumBackoff: RETRY.maximumBackoff,
        },
        deadLetterPolicy: {
          deadLetterTopic: this.deadLetters.topic.id,
          maxDeliveryAttempts: RETRY.attempts,
        },
      },
      {
        parent: this,
        dependsOn: [invoker, tokenCreator, this.deadLetters.publisherGrant],
      },
    );
    this.deadLetters.forwardFrom(subscription);
    this.registerOutputs();
  }

  #declareService(name: string, args: KeyRotatorArgs): Service {
    const { project, region, labels, names, apis, sessionKey } = args;
    const account = new Account(
      name,
      {
        project,
        accountId: names.rotator,
        displayName: accountTitle(names.rotator, "rotator"),
        // `npm run bootstrap` may have created it, to let only deployments act as it.
        createIgnoreAlreadyExists: true,
      },
      { parent: this, dependsOn: [apis.of("iam")] },
    );
    const grant = sessionKey.grant("secretVersionManager", { name, member: account.member });
    return new Service(
      name,
      {
        project,
        location: region,
        name: names.rotator,
        labels: { ...labels },
        ingress: "INGRESS_TRAFFIC_INTERNAL_ONLY",
        // In addition to the URL: https://cloud.google.com/run/docs/configuring/custom-audiences
        customAudiences: [args.environment.PUSH_AUDIENCE],
        // It has no state, and `up` has to delete it once the schedule is removed.
        deletionProtection: false,
        template: {
          labels: { ...labels },
          serviceAccount: account.email,
          timeout: "60s",
          // Rotations must not run concurrently.
          maxInstanceRequestConcurrency: 1,
          scaling: { minInstanceCount: 0, maxInstanceCount: 1 },
          containers: [
            serviceContainer({
              release: args.release,
              entry: "rotator.js",
              environment: args.environment,
              cpu: "1",
              memory: "512Mi",
              failsOver: false,
            }),
          ],
        },
      },
      { parent: this, dependsOn: [apis.of("run"), sessionKey.secret, grant] },
    );
  }
}
