import * as http from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "@jest/globals";
import { closeServer, listenOnLoopback } from "../support/httpServer.ts";
import { type Backend, Balancer, type BalancerOptions } from "./balancer.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface TestBackend extends Backend {
  readonly server: http.Server;
  requests: number;
  inFlight: number;
}

async function backend(answer: http.RequestListener): Promise<TestBackend> {
  const server = http.createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    it.requests += 1;
    answer(request, response);
  });
  const port = await listenOnLoopback(server);
  const agent = new http.Agent({ keepAlive: true });
  cleanups.push(() => {
    agent.destroy();
    return closeServer(server);
  });
  const it: TestBackend = {
    port,
    agent,
    server,
    requests: 0,
    inFlight: 0,
    begin: () => {
      it.inFlight += 1;
    },
    end: () => {
      it.inFlight -= 1;
    },
  };
  return it;
}

/** A balancer that picks the first backend that has not failed, and its port. */
async function balance(
  backends: readonly Backend[],
  options: Partial<BalancerOptions> = {},
): Promise<number> {
  const balancer = new Balancer({
    pick: (failed) => backends.find((one) => !failed.has(one)),
    ...options,
  });
  cleanups.push(() => balancer.close());
  return balancer.listen(0);
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

async function send(
  port: number,
  options: http.RequestOptions = {},
  body?: string,
): Promise<Answer> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(
      { host: "127.0.0.1", port, agent: false, maxHeaderSize: 128 * 1024, ...options },
      resolve,
    );
    request.once("error", reject);
    request.end(body);
  });
  const { statusCode: status = 0, headers, rawHeaders } = response;
  return { status, headers, rawHeaders, body: await text(response) };
}

const ok: http.RequestListener = (_request, response) => response.end("ok");
const dropConnection: http.RequestListener = (request) => request.socket.destroy();

test("requests and responses are forwarded unchanged", async () => {
  const echo = await backend(async (request, response) => {
    response.writeHead(
      201,
      "Made",
      [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
      ].flat(),
    );
    response.end(`${request.method} ${request.url} ${await text(request)}`);
  });
  const port = await balance([echo]);
  const answer = await send(port, { method: "POST", path: "/a%20b?c=%2F" }, "body");
  expect(answer.status).toBe(201);
  expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  expect(answer.body).toBe("POST /a%20b?c=%2F body");
});

test("X-Forwarded-For ends with the client's address, whatever the client sent", async () => {
  const echo = await backend((request, response) => response.end(JSON.stringify(request.headers)));
  const port = await balance([echo], { proto: "https" });
  const claims = { "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "gopher" };
  const headers = JSON.parse((await send(port, { headers: claims })).body);
  expect(headers["x-forwarded-for"]).toBe("203.0.113.7, 127.0.0.1");
  expect(headers["x-forwarded-proto"]).toBe("https");
  expect(headers.host).toBe(`127.0.0.1:${port}`);
  expect(headers.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/);
});

test("hop-by-hop headers are not forwarded", async () => {
  const echo = await backend((request, response) => response.end(JSON.stringify(request.headers)));
  const port = await balance([echo]);
  const headers = { TE: "trailers", "Proxy-Connection": "close", Connection: "close" };
  const seen = JSON.parse((await send(port, { headers })).body);
  expect(seen).not.toHaveProperty("te");
  expect(seen).not.toHaveProperty("proxy-connection");
  expect(seen.connection).toBe("keep-alive");
});

test("30 kB of headers pass in both directions", async () => {
  const big = "x".repeat(30_000);
  const echo = await backend((request, response) => {
    response.setHeader("X-Big", String(request.headers["x-big"]));
    response.end();
  });
  const answer = await send(await balance([echo]), { headers: { "X-Big": big } });
  expect(answer.headers["x-big"]).toBe(big);
});

test("a response is streamed", async () => {
  let finish = () => {};
  const streaming = await backend((_request, response) => {
    response.write("first");
    finish = () => response.end("last");
  });
  const port = await balance([streaming]);
  const response = await new Promise<http.IncomingMessage>((resolve) => {
    http.get({ host: "127.0.0.1", port, agent: false }, resolve);
  });
  const chunks: string[] = [];
  for await (const chunk of response) {
    chunks.push(String(chunk));
    finish();
  }
  expect(chunks).toEqual(["first", "last"]);
});

test("a GET whose instance is killed is answered by another one", async () => {
  const dying = await backend(dropConnection);
  const healthy = await backend(ok);
  const failures: Backend[] = [];
  const port = await balance([dying, healthy], { onFailure: (one) => failures.push(one) });
  expect(await send(port)).toMatchObject({ status: 200, body: "ok" });
  expect(failures).toEqual([dying]);
  expect([dying.inFlight, healthy.inFlight]).toEqual([0, 0]);
});

test("a POST that an instance may have received is not retried, but answered with 502", async () => {
  const dying = await backend((request) =>
    request.resume().once("end", () => request.socket.destroy()),
  );
  const healthy = await backend(ok);
  const port = await balance([dying, healthy]);
  expect(await send(port, { method: "POST" }, "body")).toMatchObject({ status: 502 });
  expect(healthy.requests).toBe(0);
});

test("a POST goes to another instance with its body, if the first one can't be reached", async () => {
  const gone = await backend(ok);
  await new Promise((resolve) => gone.server.close(resolve));
  const healthy = await backend(async (request, response) => response.end(await text(request)));
  const port = await balance([gone, healthy]);
  const body = "x".repeat(200_000);
  expect(await send(port, { method: "POST" }, body)).toMatchObject({ status: 200, body });
});

test("a connection that was closed while idle loses no request", async () => {
  const sockets = new Set<Socket>();
  const only = await backend(ok);
  only.server.on("connection", (socket) => sockets.add(socket));
  const port = await balance([only]);
  await send(port);
  for (const socket of sockets) socket.destroy();
  expect(await send(port)).toMatchObject({ status: 200 });
});

test("an incomplete response is not forwarded as complete", async () => {
  const dying = await backend((_request, response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write("half", () => response.destroy());
  });
  const healthy = await backend(ok);
  await expect(send(await balance([dying, healthy]))).rejects.toThrow();
  expect(healthy.requests).toBe(0);
});

test("the backend is notified if the client disconnects", async () => {
  const left = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const patient = await backend((_request, response) => {
    response.once("close", () => left.resolve());
    began.resolve();
  });
  const port = await balance([patient]);
  const request = http.get({ host: "127.0.0.1", port, agent: false }).on("error", () => {});
  await began.promise;
  request.destroy();
  await left.promise;
  expect(patient.inFlight).toBe(0);
});

test("a response before the end of the request's body is forwarded", async () => {
  const strict = await backend((_request, response) => {
    response.writeHead(413, { Connection: "close" }).end("too large");
  });
  const port = await balance([strict]);
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(
      { host: "127.0.0.1", port, method: "POST", agent: false },
      resolve,
    );
    request.once("error", reject);
    request.write("the beginning of something long");
  });
  expect(answer.statusCode).toBe(413);
  answer.destroy();
});

test("without an instance the status is 503, and if every attempt fails it is 502", async () => {
  expect(await send(await balance([]))).toMatchObject({ status: 503 });
  expect(await send(await balance([await backend(dropConnection)]))).toMatchObject({ status: 502 });
});

test("attempts end if an instance keeps closing connections", async () => {
  let first = true;
  const moody = await backend((request, response) => {
    if (first) response.end();
    else request.socket.destroy();
    first = false;
  });
  const port = await balance([moody]);
  expect(await send(port)).toMatchObject({ status: 200 });
  expect(await send(port)).toMatchObject({ status: 502 });
});

// https://cloud.google.com/load-balancing/docs/https/request-distribution
test("with one retry, a gateway error of one backend is retried at another", async () => {
  const failing = await backend((_request, response) => response.writeHead(503).end());
  const healthy = await backend(ok);
  const port = await balance([failing, healthy], { retriesOnce: true });
  expect(await send(port)).toMatchObject({ status: 200 });
  expect(await send(port, { method: "POST" }, "body")).toMatchObject({ status: 503 });
  expect([failing.requests, healthy.requests]).toEqual([2, 1]);
  expect([failing.inFlight, healthy.inFlight]).toEqual([0, 0]);
});

test("with one retry, the second gateway error is final, and so is the first without another backend", async () => {
  const refuse =
    (status: number): http.RequestListener =>
    (_request, response) =>
      response.writeHead(status).end(`${status} with a page`);
  const backends = await Promise.all([503, 504, 200].map((status) => backend(refuse(status))));
  const answer = { status: 504, body: "504 with a page" };
  expect(await send(await balance(backends, { retriesOnce: true }))).toMatchObject(answer);
  const alone = await balance(backends.slice(0, 1), { retriesOnce: true });
  expect(await send(alone)).toMatchObject({ status: 503, body: "503 with a page" });
});

test("without retries a gateway error is forwarded", async () => {
  const failing = await backend((_request, response) => response.writeHead(503).end());
  const port = await balance([failing, await backend(ok)]);
  expect(await send(port)).toMatchObject({ status: 503 });
});

test("HEAD, 204 and 304 are forwarded without a body", async () => {
  const answers = await backend((request, response) => {
    response.writeHead(Number(request.url?.slice(1)), { "Content-Length": "2", ETag: '"a"' });
    response.end(request.method === "HEAD" ? undefined : "ok");
  });
  const port = await balance([answers]);
  const head = await send(port, { method: "HEAD", path: "/200" });
  expect(head).toMatchObject({ status: 200, body: "", headers: { "content-length": "2" } });
  expect(await send(port, { path: "/304" })).toMatchObject({ status: 304, body: "" });
  expect(await send(port, { path: "/204" })).toMatchObject({ status: 204, body: "" });
});
