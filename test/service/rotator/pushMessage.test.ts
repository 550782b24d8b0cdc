import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { parsePushMessage } from "../../../service/rotator/pushMessage.ts";
import { anyText } from "../../support/arbitraries.ts";

/** A push as Pub/Sub sends it, wrapped: https://cloud.google.com/pubsub/docs/push */
function push(message: unknown): string {
  return JSON.stringify({ message, subscription: "projects/p/subscriptions/rotation" });
}

const MESSAGE = {
  attributes: {
    eventType: "SECRET_ROTATE",
    dataFormat: "JSON_API_V1",
    secretId: "projects/123456789012/secrets/SECRET_KEY",
    timestamp: "2026-01-01T00:00:00.000000-08:00",
  },
  data: Buffer.from('{"name":"projects/123456789012/secrets/SECRET_KEY"}').toString("base64"),
  messageId: "136969346945",
  message_id: "136969346945",
  publishTime: "2026-01-01T00:00:00Z",
};

test("a message of Secret Manager has an event type and a secret", () => {
  expect(parsePushMessage(push(MESSAGE))).toEqual({
    messageId: "136969346945",
    eventType: "SECRET_ROTATE",
    secret: { project: "123456789012", name: "SECRET_KEY" },
  });
});

test("a message without attributes has neither", () => {
  expect(parsePushMessage(push({ messageId: "1", data: "" }))).toEqual({
    messageId: "1",
    eventType: "",
    secret: undefined,
  });
});

test("a secretId that is not a secret's name gives no secret", () => {
  const attributes = { eventType: "SECRET_ROTATE", secretId: "projects/p/secrets/a/versions/1" };
  expect(parsePushMessage(push({ messageId: "1", attributes }))?.secret).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["a body that is not JSON", "{"],
  ["JSON that is not an object", "[]"],
  ["an object without a message", "{}"],
  ["a message that is text", push("SECRET_ROTATE")],
  ["a message without an ID", push({ ...MESSAGE, messageId: undefined })],
  ["an ID that is a number", push({ ...MESSAGE, messageId: 7 })],
  ["attributes that are a list", push({ ...MESSAGE, attributes: ["SECRET_ROTATE"] })],
  ["an event that is no text", push({ ...MESSAGE, attributes: { eventType: 1 } })],
  ["a secret that is no text", push({ ...MESSAGE, attributes: { secretId: {} } })],
])("%s is not a push", (_what, body) => {
  expect(parsePushMessage(body)).toBeUndefined();
});

test("any body gives a valid message or undefined", () => {
  const wrapped = fc.jsonValue().map((message) => push(message));
  const attributed = fc.jsonValue().map((attributes) => push({ messageId: "1", attributes }));
  fc.assert(
    fc.property(fc.oneof(anyText(), wrapped, attributed), (body) => {
      const { messageId, eventType } = parsePushMessage(body) ?? { messageId: "", eventType: "" };
      expect([typeof messageId, typeof eventType]).toEqual(["string", "string"]);
    }),
  );
});
