import { parseSecretReference, type SecretReference } from "../google/secretVersions.ts";
import { asObject, parseObject } from "../pure/json.ts";

/** The parts of a Pub/Sub push that the rotator uses. */
interface PushMessage {
  readonly messageId: string;
  /** Such as SECRET_ROTATE; empty if the attribute is missing. */
  readonly eventType: string;
  /** The secret in the message's attributes; undefined if they name none. */
  readonly secret: SecretReference | undefined;
}

/**
 * Parses the body of a push: https://cloud.google.com/pubsub/docs/push#receive_push, with the
 * attributes of https://cloud.google.com/secret-manager/docs/event-notifications.
 * @returns undefined if the body is anything else
 */
export function parsePushMessage(body: string): PushMessage | undefined {
  const message = asObject(parseObject(body)?.message);
  if (message === undefined) return undefined;
  const attributes = asObject(message.attributes ?? {});
  const { messageId } = message;
  if (attributes === undefined || typeof messageId !== "string") return undefined;
  const { eventType = "", secretId = "" } = attributes;
  if (typeof eventType !== "string" || typeof secretId !== "string") return undefined;
  return { messageId, eventType, secret: parseSecretReference(secretId) };
}
