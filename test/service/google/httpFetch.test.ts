import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { createHttpFetch, type FetchRequest } from "../../../service/google/httpFetch.ts";
import { serve } from "../../support/httpServer.ts";

const GET: FetchRequest = {
  method: "GET",
  headers: { accept: "application/json" },
  signal: new AbortController().signal,
  redirect: "manual",
};

async function textOf(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function echo(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method, url, headers } = req;
  const body = await textOf(req);
  res.setHeader("X-Twice", ["one", "two"]);
  res.statusCode = Number(headers["x-status"] ?? 200);
  res.end(JSON.stringify({ method, url, accept: headers.accept, body }));
}

/** A fetch's result, for comparison. */
async function answerOf(
  fetchOne: typeof fetch | ReturnType<typeof createHttpFetch>,
  url: URL,
  request: FetchRequest,
) {
  const response = await fetchOne(url, request);
  return {
    status: response.status,
    twice: response.headers.get("X-Twice"),
    absent: response.headers.get("x-absent"),
    text: await textOf(response.body),
  };
}

test.each([
  ["a request", GET],
  ["a body", { ...GET, method: "POST", body: '{"café":1}' }],
  ["a refusal", { ...GET, headers: { ...GET.headers, "x-status": "403" } }],
  ["a server error", { ...GET, headers: { ...GET.headers, "x-status": "503" } }],
  ["a redirect", { ...GET, headers: { ...GET.headers, "x-status": "302" } }],
])("the result of %s equals that of Node's fetch", async (_what, request) => {
  await using server = await serve(echo);
  const url = new URL("/v1/x?a=b%20c", server.url);
  expect(await answerOf(createHttpFetch(), url, request)).toEqual(
    await answerOf(fetch, url, request),
  );
});

test("connections are reused", async () => {
  await using server = await serve(echo);
  let connections = 0;
  server.server.on("connection", () => {
    connections += 1;
  });
  const httpFetch = createHttpFetch();
  for (let turn = 0; turn < 3; turn += 1) {
    await answerOf(httpFetch, new URL(server.url), GET);
    await new Promise(setImmediate);
  }
  expect(connections).toBe(1);
});

test("a refused connection is an error with its code", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  await expect(createHttpFetch()(new URL(`http://127.0.0.1:${port}`), GET)).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });
});

test("a connection that closes before the response is an error with its code", async () => {
  await using server = await serve((req) => req.socket.destroy());
  await expect(createHttpFetch()(new URL(server.url), GET)).rejects.toMatchObject({
    code: "ECONNRESET",
  });
});

test("the signal aborts a request without a response", async () => {
  await using server = await serve(() => {});
  const signal = AbortSignal.timeout(20);
  await expect(createHttpFetch()(new URL(server.url), { ...GET, signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  server.server.closeAllConnections();
});

test("the signal aborts a response that stops in the middle", async () => {
  await using server = await serve((_req, res) => {
    res.write("half");
  });
  const controller = new AbortController();
  const { signal } = controller;
  const response = await createHttpFetch()(new URL(server.url), { ...GET, signal });
  const text = textOf(response.body);
  controller.abort();
  await expect(text).rejects.toMatchObject({ code: "ECONNRESET" });
  server.server.closeAllConnections();
});

test("an https URL uses TLS, and a plain response is an error", async () => {
  await using server = await serve(echo);
  const url = new URL(server.url.replace("http:", "https:"));
  await expect(createHttpFetch()(url, GET)).rejects.toMatchObject({
    code: expect.stringMatching(/SSL|EPROTO/),
  });
});
