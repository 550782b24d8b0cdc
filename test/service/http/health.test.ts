import { expect, test } from "@jest/globals";
import type { Readiness, SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { serve } from "../../support/httpServer.ts";
import { SECRET } from "../../support/sessionApp.ts";
import { webApp } from "../webApp.ts";

interface State {
  readiness: Readiness;
  draining: boolean;
}

/** A service whose keys and shutdown the test controls. */
async function start(state: State) {
  const keys: SessionKeys = {
    ...createStaticKeys(SECRET),
    readiness: async () => state.readiness,
    refresh: () => {
      throw new Error("A probe needs no session.");
    },
  };
  const server = await serve(webApp({ keys, draining: () => state.draining }).listener);
  async function probe(path: string) {
    const headers = { cookie: "session=whatever" };
    const response = await fetch(`${server.url}/health/${path}`, { headers });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.getSetCookie()).toEqual([]);
    return [response.status, await response.json()];
  }
  return { probe, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("a service with a key is live and ready", async () => {
  await using service = await start({ readiness: { ready: true }, draining: false });
  expect(await service.probe("live")).toEqual([200, { status: "live" }]);
  expect(await service.probe("ready")).toEqual([200, { status: "ready" }]);
});

test("without a key it is live, and not ready, with the reason: a restart would not help", async () => {
  const state: State = { readiness: { ready: false, code: "NO_ENABLED_KEY" }, draining: false };
  await using service = await start(state);
  expect(await service.probe("ready")).toEqual([
    503,
    { status: "not ready", code: "NO_ENABLED_KEY" },
  ]);
  expect(await service.probe("live")).toEqual([200, { status: "live" }]);
  state.readiness = { ready: true };
  expect(await service.probe("ready")).toEqual([200, { status: "ready" }]);
});

test("while it drains it is live, and not ready", async () => {
  const state: State = { readiness: { ready: true }, draining: false };
  await using service = await start(state);
  state.draining = true;
  expect(await service.probe("ready")).toEqual([503, { status: "draining" }]);
  expect(await service.probe("live")).toEqual([200, { status: "live" }]);
});

test("no probe's path ends in z, because Cloud Run reserves such paths", async () => {
  await using service = await serve(webApp().listener);
  for (const path of ["/healthz", "/health", "/health/nothing"]) {
    expect([path, (await fetch(service.url + path)).status]).toEqual([path, 404]);
  }
});
