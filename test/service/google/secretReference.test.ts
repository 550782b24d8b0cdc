import { expect, test } from "@jest/globals";
import { parseSecretReference, secretResource } from "../../../service/google/secretVersions.ts";

test("a secret is named by Berglas' notation or by its resource", () => {
  const secret = { project: "my-project", name: "phoenix-dev-SECRET_KEY" };
  expect(parseSecretReference("sm://my-project/phoenix-dev-SECRET_KEY")).toEqual(secret);
  const resource = "projects/my-project/secrets/phoenix-dev-SECRET_KEY";
  expect(parseSecretReference(resource)).toEqual(secret);
  expect(secretResource(secret)).toBe(resource);
  expect(parseSecretReference("sm://example.com:my-project/S")?.project).toBe(
    "example.com:my-project",
  );
  expect(parseSecretReference("projects/123456789012/secrets/S")?.project).toBe("123456789012");
});

test.each([
  "",
  "my-project/S",
  "sm://my-project",
  "sm://my-project/S/versions/1",
  "sm://my-project/S#3",
  "sm://my project/S",
  "sm://../S",
  "sm://my-project/..",
  "projects/p1/secrets/S?x=1",
  "projects/my-project/secrets/S/versions/1",
])("%j names no secret", (text) => {
  expect(parseSecretReference(text)).toBeUndefined();
});
