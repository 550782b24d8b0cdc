import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { LocalDeployment } from "../local/deployment.ts";
import type { Browser } from "../support/browser.ts";
import { signIn } from "../support/signIn.ts";

/** Seconds within which every instance knows of a sign-out. */
const BOUND = 20;

/** Milliseconds between two rounds of requests: the wait is real, and costs nothing. */
const PACE = 100;

let deployment: LocalDeployment;

beforeAll(async () => {
  deployment = await LocalDeployment.start({ instances: 3 });
});

afterAll(() => deployment.close());

/** What each instance that has its CPU says of the browser's session. */
async function statuses(browser: Browser): Promise<Map<string, number>> {
  const cookie = `session=${browser.cookies.get("session")}`;
  const running = deployment.fleet.instances().filter(({ state }) => state === "ready");
  const answers = running.map(async ({ id, port }): Promise<[string, number]> => {
    const url = `http://127.0.0.1:${port}${application.api}`;
    const { status } = await fetch(url, { headers: { cookie } });
    return [id, status];
  });
  return new Map(await Promise.all(answers));
}

// ASVS 7.4.1
test("a copied cookie is refused by the instance that signed out at once, and by all others within 20 s, under load", async () => {
  const visitor = await signIn(deployment.url);
  const bystander = await signIn(deployment.url);
  const copy = visitor.clone();
  expect([...(await statuses(copy)).values()]).toEqual([200, 200, 200]);

  const csrf = await visitor.csrfToken(application.home);
  const frozen = deployment.fleet.freeze(deployment.fleet.instances()[2]?.id);
  const headers = { "x-csrf-token": csrf };
  const answer = await visitor.fetch("/logout", { method: "POST", headers, body: "" });
  const signedOutAt = Date.now();
  expect(answer.status).toBe(303);
  const here = answer.headers.get("x-instance") ?? "";
  expect((await statuses(copy)).get(here)).toBe(401);

  // The load: two instances are asked all the time, which is also what has them look.
  const refusedAfter = new Map<string, number>();
  while (refusedAfter.size < 2) {
    await pause(PACE);
    for (const [id, status] of await statuses(copy)) {
      expect([200, 401]).toContain(status);
      const seconds = (Date.now() - signedOutAt) / 1000;
      if (status === 401 && !refusedAfter.has(id)) refusedAfter.set(id, seconds);
      if (status === 200) expect(seconds).toBeLessThan(BOUND + 2);
    }
    for (const status of (await statuses(bystander)).values()) expect(status).toBe(200);
  }
  // Until the frozen one has missed more than the bound.
  while (Date.now() - signedOutAt < (BOUND + 1) * 1000) {
    await pause(PACE);
    await statuses(bystander);
  }
  deployment.fleet.thaw(frozen);
  const later = await deployment.fleet.add();
  expect(later).toBeDefined();
  const answers = await statuses(copy);
  expect(answers.size).toBe(4);
  expect([...answers.values()]).toEqual([401, 401, 401, 401]);
  expect([...(await statuses(bystander)).values()]).toEqual([200, 200, 200, 200]);
});
