import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { LocalDeployment } from "../local/deployment.ts";
import type { Browser } from "../support/browser.ts";
import { signIn } from "../support/signIn.ts";

/** Seconds within which every instance knows of a sign-out. */
const BOUND = 20;

/** Milliseconds between two rounds of requests. */
const PACE = 100;

// oidc-provider warns about a missing dispatcher in jest's globals.
jest.spyOn(console, "warn").mockImplementation(() => {});

let deployment: LocalDeployment;

beforeAll(async () => {
  deployment = await LocalDeployment.start({ instances: 3, provider: "keycloak" });
});

afterAll(() => deployment.close());

/** Status of the browser's request at each instance that is not frozen. */
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

  // Load on two instances, which also triggers their polls.
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
  // Until the frozen instance has missed more than the bound.
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

/** Signs out on the provider's own page. */
async function signOutAtProvider(browser: Browser): Promise<void> {
  const { issuer } = deployment.identityProvider;
  const document = await fetch(`${issuer}/.well-known/openid-configuration`);
  const { end_session_endpoint } = (await document.json()) as Record<string, string>;
  const page = await browser.fetch(String(end_session_endpoint));
  const form = await page.text();
  const [, action = ""] = /action="([^"]+)"/.exec(form) ?? [];
  const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(form) ?? [];
  const body = new URLSearchParams({ xsrf, logout: "yes" });
  const answer = await browser.fetch(action, { method: "POST", body });
  expect([200, 303]).toContain(answer.status);
}

// OpenID Connect Back-Channel Logout 1.0
test("signing out at the provider ends the session at every instance within 20 s, and nobody else's", async () => {
  const visitor = await signIn(deployment.url);
  const elsewhere = await signIn(deployment.url);
  await signOutAtProvider(visitor);
  const signedOutAt = Date.now();
  let seen = [...(await statuses(visitor)).values()];
  // The instance that received the logout token.
  expect(seen).toContain(401);
  while (seen.includes(200) && Date.now() - signedOutAt < (BOUND + 2) * 1000) {
    await pause(PACE);
    seen = [...(await statuses(visitor)).values()];
  }
  expect(new Set(seen)).toEqual(new Set([401]));
  expect(new Set((await statuses(elsewhere)).values())).toEqual(new Set([200]));
}, 60_000);
