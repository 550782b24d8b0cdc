import { stripVTControlCharacters } from "node:util";
import { expect, test } from "@jest/globals";
import { renderLine } from "./requestLog.ts";

function render(entry: object | string): string | undefined {
  const line = typeof entry === "string" ? entry : JSON.stringify(entry);
  const text = renderLine(line, "a1b2c3");
  return text === undefined ? undefined : stripVTControlCharacters(text);
}

const REQUEST = {
  severity: "INFO",
  time: "2026-01-02T03:04:05.678Z",
  httpRequest: {
    requestMethod: "GET",
    requestUrl: "/api/note",
    status: 200,
    latency: "0.003400s",
    userAgent: "Mozilla/5.0",
  },
  session: "ok",
};

test("a request is one line with instance, status, duration, session and path", () => {
  expect(render(REQUEST)).toMatch(
    /^\d\d:\d\d:05 {2}a1b2c3 {2}200 {6}3 ms {2}ok {15}GET \/api\/note$/,
  );
});

test("a client that disconnected is shown", () => {
  expect(render({ ...REQUEST, aborted: true })).toMatch(/\(client left\)$/);
});

test("probes are not shown", () => {
  const httpRequest = { ...REQUEST.httpRequest, userAgent: "GoogleHC/1.0" };
  expect(render({ ...REQUEST, httpRequest })).toBeUndefined();
});

test("an error is shown with its cause", () => {
  const err = { message: "no luck", stack: "Error: no luck\n    at somewhere" };
  expect(render({ severity: "ERROR", message: "It failed", err })).toMatch(
    /It failed\n {4}Error: no luck\n {8}at somewhere$/,
  );
});

test("a line that is not JSON is shown unchanged", () => {
  expect(render("Segmentation fault")).toMatch(/a1b2c3 {2}Segmentation fault$/);
  expect(render("{broken")).toMatch(/\{broken$/);
  expect(render("")).toBeUndefined();
});

test("control characters that a client sent are removed", () => {
  const httpRequest = { ...REQUEST.httpRequest, requestUrl: "/\u001b]0;owned\u0007\r\u009b2J" };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
  expect(render({ ...REQUEST, httpRequest })).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
});
