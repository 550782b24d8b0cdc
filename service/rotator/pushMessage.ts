import { parseSecretReference } from "../google/secretVersions.ts";
import { asObject, parseObject } from "../pure/json.ts";

/**
 * Parses the body of a push: https://cloud.google.com/pubsub/docs/push#receive_push, with the
 * attributes of https://cloud.google.com/secret-manager/docs/event-notifications.
 * @returns the parts that the rotator uses: the type of event, such as SECRET_ROTATE, is empty and
 * the secret undefined if the attributes don't have it; undefined if the body is anything else
 */
export function parsePushMessage(body: string) {
  const message = asObject(parseObject(body)?.message);
  if (message === undefined) return undefined;
  const attributes = asObject(message.attributes ?? {});
  const { messageId } = message;
  if (attributes === undefined || typeof messageId !== "string") return undefined;
  const { eventType = "", secretId = "" } = attributes;
  if (typeof eventType !== "string" || typeof secretId !== "string") return undefined;
  return { messageId, eventType, secret: parseSecretReference(secretId) };
}
