import { Subscription } from "@pulumi/gcp/pubsub/subscription.js";
import { SubscriptionIAMMember } from "@pulumi/gcp/pubsub/subscriptionIAMMember.js";
import { Topic } from "@pulumi/gcp/pubsub/topic.js";
import { TopicIAMMember } from "@pulumi/gcp/pubsub/topicIAMMember.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
} from "@pulumi/pulumi";

interface DeadLettersArgs {
  readonly project: string;
  /** Name of the topic and of its subscription. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Pub/Sub's service agent, which forwards the messages: `serviceAccount:EMAIL`. */
  readonly forwarder: Input<string>;
  readonly pubsubApi: Resource;
}

/** A dead-letter topic, and a subscription that keeps its messages until somebody looks at them. */
export class DeadLetters extends ComponentResource {
  readonly topic: Topic;
  readonly subscription: Subscription;
  readonly publisherGrant: TopicIAMMember;
  readonly #name: string;
  readonly #args: DeadLettersArgs;

  constructor(name: string, args: DeadLettersArgs, opts?: ComponentResourceOptions) {
    super("infra:rotation:DeadLetters", name, {}, opts);
    this.#name = name;
    this.#args = args;
    this.topic = new Topic(
      name,
      { project: args.project, name: args.name, labels: { ...args.labels } },
      { parent: this, dependsOn: [args.pubsubApi] },
    );
    // A topic without a subscription drops messages.
    this.subscription = new Subscription(
      name,
      {
        project: args.project,
        name: args.name,
        topic: this.topic.name,
        labels: { ...args.labels },
        // Pub/Sub's maximum: 31 days.
        messageRetentionDuration: "2678400s",
        expirationPolicy: { ttl: "" },
      },
      { parent: this },
    );
    this.publisherGrant = new TopicIAMMember(
      `${name}-publisher`,
      {
        project: args.project,
        topic: this.topic.name,
        role: "roles/pubsub.publisher",
        member: args.forwarder,
      },
      { parent: this },
    );
    this.registerOutputs();
  }

  /** Lets Pub/Sub acknowledge the messages of the subscription from which it forwards them. */
  forwardFrom(subscription: Subscription): SubscriptionIAMMember {
    return new SubscriptionIAMMember(
      `${this.#name}-subscriber`,
      {
        project: this.#args.project,
        subscription: subscription.name,
        role: "roles/pubsub.subscriber",
        member: this.#args.forwarder,
      },
      { parent: this },
    );
  }
}
