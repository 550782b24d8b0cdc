import { once } from "node:events";
import { Agent, get, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "@jest/globals";
import { DRAIN_MILLISECONDS } from "../../../service/process/shutdown.ts";
import { serve } from "../../support/httpServer.ts";
import { type ServiceProcess, startService } from "../../support/serviceProcess.ts";

const SECRET_KEY = "a secret of more than thirty-two characters";

/**
 * A service whose sign-in waits for a provider until the test lets that answer, so that the test
 * decides how long a request is in flight.
 */
async function startWithSlowProvider() {
  const waiting = Promise.withResolvers<ServerResponse>();
  const provider = await serve((_req, res) => waiting.resolve(res));
  const service = await startService({
    env: {
      SECRET_KEY,
      OIDC_ISSUER: provider.url,
      OIDC_CLIENT_ID: "phoenix",
      OIDC_CLIENT_SECRET: "a secret of the tests",
    },
  });
  return {
    ...service,
    /** Resolves once the service has called its provider. */
    underWay: waiting.promise,
    async answerProvider() {
      (await waiting.promise).writeHead(503).end();
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

/**
 * A server that sends half of each response, then waits for `url`. `patience` is its drain timeout.
 */
function halfwayService(url: string, patience: number): string[] {
  const source = (file: string) =>
    JSON.stringify(pathToFileURL(join(import.meta.dirname, "..", "..", "..", "service", file)));
  const program = `
    import { createServer } from "node:http";
    const { createLog } = await import(${source("process/log.ts")});
    const { listen } = await import(${source("process/start.ts")});
    const { drainOnSigterm } = await import(${source("process/shutdown.ts")});
    const log = createLog({ level: "info" });
    const server = createServer();
    drainOnSigterm(server, log, ${patience});
    server.on("request", (_req, res) => {
      res.write("half");
      log.info({ event: "asked" });
      fetch(${JSON.stringify(url)}).then(() => res.end());
    });
    listen(server, 0, log);
  `;
  return ["--input-type=module", "--eval", program];
}

/** Sends a request on a keep-alive connection. */
async function ask(port: number, path: string, agent: Agent): Promise<IncomingMessage> {
  const request = get({ host: "127.0.0.1", port, path, agent });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response;
}

/** Resolves when the service has logged an event. */
async function logged({ lines }: ServiceProcess, event: string): Promise<void> {
  while (!lines.some((line) => line.event === event)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Milliseconds. A busy machine needs seconds for a process; a process that hangs exceeds this. */
const AT_ONCE = DRAIN_MILLISECONDS - 1_000;

test("SIGTERM: requests in flight are answered, new ones are refused, and the process ends at once", async () => {
  await using service = await startWithSlowProvider();
  const agent = new Agent({ keepAlive: true });
  const answer = ask(service.port, "/login", agent);
  await service.underWay;

  service.kill("SIGTERM");
  await logged(service, "draining");
  const [refusal] = await once(connect(service.port, "127.0.0.1"), "error");
  expect(refusal).toMatchObject({ code: "ECONNREFUSED" });

  await service.answerProvider();
  const answered = performance.now();
  const { statusCode, headers } = await answer;
  expect(statusCode).toBe(503);
  expect(headers.connection).toBe("close");
  expect(await service.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - answered).toBeLessThan(AT_ONCE);
  expect(service.lines.map(({ event }) => event)).not.toContain("drain_timeout");
  agent.destroy();
});

test("SIGTERM: an idle connection does not keep the process alive", async () => {
  await using service = await startService({ env: { SECRET_KEY } });
  const agent = new Agent({ keepAlive: true });
  expect((await ask(service.port, "/health/live", agent)).headers.connection).toBe("keep-alive");
  const asked = performance.now();
  service.kill("SIGTERM");
  expect(await service.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - asked).toBeLessThan(AT_ONCE);
  agent.destroy();
});

test("SIGTERM: a response that has begun is completed, then its connection is closed", async () => {
  const waiting = Promise.withResolvers<ServerResponse>();
  await using provider = await serve((_req, res) => waiting.resolve(res));
  const program = halfwayService(provider.url, DRAIN_MILLISECONDS);
  await using service = await startService({ env: {}, program });
  const agent = new Agent({ keepAlive: true });
  const answer = ask(service.port, "/", agent);
  const provided = await waiting.promise;
  service.kill("SIGTERM");
  await logged(service, "draining");
  provided.end();
  const ended = performance.now();
  expect((await answer).statusCode).toBe(200);
  expect(await service.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - ended).toBeLessThan(AT_ONCE);
  agent.destroy();
});

test("SIGTERM: a request that never ends is aborted in time, and so is the call it waits for", async () => {
  await using provider = await serve(() => {});
  await using service = await startService({ env: {}, program: halfwayService(provider.url, 300) });
  const agent = new Agent({ keepAlive: true });
  const cutOff = ask(service.port, "/", agent).catch((error: Error) => error);
  await logged(service, "asked");
  const asked = performance.now();
  service.kill("SIGTERM");
  expect(await service.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - asked).toBeGreaterThanOrEqual(300);
  expect(performance.now() - asked).toBeLessThan(AT_ONCE);
  expect(await cutOff).toMatchObject({ message: "aborted" });
  expect(service.lines).toContainEqual(
    expect.objectContaining({ event: "drain_timeout", severity: "WARNING", requests: 1 }),
  );
  agent.destroy();
});

test("the drain timeout is shorter than Cloud Run's ten seconds", () => {
  expect(DRAIN_MILLISECONDS).toBeGreaterThanOrEqual(8_000);
  expect(DRAIN_MILLISECONDS).toBeLessThan(10_000);
});
