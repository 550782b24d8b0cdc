import { expect, test } from "@jest/globals";
import { CLOUD_STORAGE_API } from "../../../service/google/bucket.ts";
import { parseEndpoint } from "../../../service/google/endpoint.ts";
import { SECRET_MANAGER_API } from "../../../service/google/secretVersions.ts";

function parse(text: string) {
  return parseEndpoint({ SECRET_MANAGER_ENDPOINT: text }, SECRET_MANAGER_API);
}

test("the default is Secret Manager's own address", () => {
  expect(parseEndpoint({}, SECRET_MANAGER_API)).toEqual({
    value: "https://secretmanager.googleapis.com",
  });
  expect(parse("https://secretmanager.europe-west1.rep.googleapis.com/")).toEqual({
    value: "https://secretmanager.europe-west1.rep.googleapis.com",
  });
});

test.each(["http://127.0.0.1:8085", "http://localhost:8085/", "http://[::1]:8085"])(
  "%s is on this machine, and accepted",
  (text) => {
    expect(parse(text)).toEqual({ value: text.replace(/\/$/, "") });
  },
);

test.each([
  "http://secretmanager.googleapis.com",
  "https://127.0.0.1:8085",
  "https://example.com",
  "https://secretmanager.googleapis.com.example.com",
  "https://user:pass@secretmanager.googleapis.com",
  "http://127.0.0.1.example.com",
  "http://127.0.0.1:8085/v1",
  "http://10.0.0.1",
  "file:///etc/passwd",
  "nonsense",
])("%s is refused", (text) => {
  expect(parse(text)).toMatchObject({ problems: [{ setting: "SECRET_MANAGER_ENDPOINT" }] });
});

test("Cloud Storage's endpoint is its own address or on this machine", () => {
  const parseStorage = (text: string) =>
    parseEndpoint({ CLOUD_STORAGE_ENDPOINT: text }, CLOUD_STORAGE_API);
  expect(parseEndpoint({}, CLOUD_STORAGE_API)).toEqual({ value: "https://storage.googleapis.com" });
  expect(parseStorage("http://127.0.0.1:8085/")).toEqual({ value: "http://127.0.0.1:8085" });
  for (const text of ["https://secretmanager.googleapis.com", "https://storage.example.com"]) {
    expect(parseStorage(text)).toMatchObject({ problems: [{ setting: "CLOUD_STORAGE_ENDPOINT" }] });
  }
});
