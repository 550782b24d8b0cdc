import { expect, test } from "@jest/globals";
import { LocalDeployment } from "./deployment.ts";

test("nothing of a local deployment can be reached from another machine", async () => {
  await using deployment = await LocalDeployment.start({ instances: 1 });
  const { fleet, identityProvider, secretManager } = deployment;
  const ports = [deployment.url, identityProvider.issuer, secretManager.url]
    .map((url) => Number(new URL(url).port))
    .concat(fleet.instances().map(({ port }) => port));
  for (const port of ports) {
    expect(await answers(`http://127.0.0.1:${port}/health/live`)).toBe(true);
    // Addresses of this machine, too, that who listens on all of them has.
    for (const host of ["127.0.0.2", "[::1]"]) {
      expect([port, host, await answers(`http://${host}:${port}/`)]).toEqual([port, host, false]);
    }
  }
});

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.body?.cancel().then(() => true) ?? true,
    () => false,
  );
}
