import { ServiceIdentity } from "@pulumi/gcp/projects/serviceIdentity.js";
import { Topic } from "@pulumi/gcp/pubsub/topic.js";
import { TopicIAMMember } from "@pulumi/gcp/pubsub/topicIAMMember.js";
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";
import type { Apis } from "../apis.ts";

interface RotationTopicArgs {
  readonly project: string;
  readonly topicName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly apis: Apis;
}

/** The topic of SECRET_KEY's events, including the one that a rotation is due. */
export class RotationTopic extends ComponentResource {
  readonly topic: Topic;
  readonly publisherGrant: TopicIAMMember;

  constructor(name: string, args: RotationTopicArgs, opts?: ComponentResourceOptions) {
    super("infra:rotation:RotationTopic", name, {}, opts);
    const { project, apis } = args;
    this.topic = new Topic(
      name,
      { project, name: args.topicName, labels: { ...args.labels } },
      { parent: this, dependsOn: [apis.of("pubsub")] },
    );
    // Enabling the API does not create Secret Manager's service agent, which needs the grant below.
    const identity = new ServiceIdentity(
      "secret-manager-identity",
      { project, service: "secretmanager.googleapis.com" },
      { parent: this, dependsOn: [apis.of("secretmanager")] },
    );
    this.publisherGrant = new TopicIAMMember(
      `${name}-publisher`,
      {
        project,
        topic: this.topic.name,
        role: "roles/pubsub.publisher",
        member: identity.member,
      },
      { parent: this },
    );
    this.registerOutputs();
  }
}
