import { get } from "node:http";
import { expect, test } from "@jest/globals";
import { LocalDeployment } from "./deployment.ts";

test("a local deployment can't be reached from another machine", async () => {
  await using deployment = await LocalDeployment.start({ instances: 1 });
  const { fleet, identityProvider, secretManager } = deployment;
  const ports = [deployment.url, identityProvider.issuer, secretManager.url]
    .map((url) => Number(new URL(url).port))
    .concat(fleet.instances().map(({ port }) => port));
  for (const port of ports) {
    expect(await answers(`http://127.0.0.1:${port}/health/live`)).toBe(true);
    // Other addresses of this machine, on which a listener on all interfaces would answer.
    for (const host of ["127.0.0.2", "[::1]"]) {
      expect([port, host, await answers(`http://${host}:${port}/`)]).toEqual([port, host, false]);
    }
  }
});

test("requests for another host are refused, which prevents DNS rebinding", async () => {
  await using deployment = await LocalDeployment.start({ instances: 1, regions: 2 });
  const { identityProvider, regions, secretManager, storage } = deployment;
  const urls = [regions.url, ...regions.all.map(({ fleet }) => fleet.url)];
  urls.push(identityProvider.issuer, secretManager.url, storage.url);
  for (const url of urls) {
    const { port } = new URL(url);
    expect([url, await statusAt(url, "attacker.example")]).toEqual([url, 421]);
    expect([url, await statusAt(url, `localhost.attacker.example:${port}`)]).toEqual([url, 421]);
    for (const own of [`localhost:${port}`, `127.0.0.1:${port}`, "localhost:9999"]) {
      expect([url, own, await statusAt(url, own)]).not.toEqual([url, own, 421]);
    }
  }
});

function statusAt(url: string, host: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const { port } = new URL(url);
  get({ host: "127.0.0.1", port, agent: false, headers: { host } }, (response) => {
    response.resume();
    resolve(response.statusCode);
  }).once("error", reject);
  return promise;
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.body?.cancel().then(() => true) ?? true,
    () => false,
  );
}
