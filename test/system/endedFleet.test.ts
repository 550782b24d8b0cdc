import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { LocalDeployment } from "../local/deployment.ts";
import type { InstanceView } from "../local/fleet.ts";
import type { Browser } from "../support/browser.ts";
import { signIn, type Visitor } from "../support/signIn.ts";
import { FleetLoad } from "./fleetLoad.ts";

/** Seconds within which every instance knows of a sign-out. */
const BOUND = 20;
/** Least seconds between two polls of an instance. */
const LEAST_INTERVAL = 8;

/** Milliseconds between two rounds of requests. */
const PACE = 100;

// oidc-provider warns about a missing dispatcher in jest's globals.
jest.spyOn(console, "warn").mockImplementation(() => {});

let deployment: LocalDeployment;

beforeAll(async () => {
  deployment = await LocalDeployment.start({ instances: 3, provider: "keycloak" });
});

afterAll(() => deployment.close());

async function statusAt({ port }: InstanceView, browser: Browser): Promise<number> {
  const cookie = `session=${browser.cookies.get("session")}`;
  const { status } = await fetch(`http://127.0.0.1:${port}${application.api}`, {
    headers: { cookie },
  });
  return status;
}

/** Status of the browser's request at each instance that is not frozen, by instance. */
async function statuses(browser: Browser): Promise<Map<string, number>> {
  const running = deployment.fleet.instances().filter(({ state }) => state === "ready");
  const statusOf = async (instance: InstanceView): Promise<[string, number]> => [
    instance.id,
    await statusAt(instance, browser),
  ];
  return new Map(await Promise.all(running.map(statusOf)));
}

/** @returns the instance that did it. */
async function signOut(visitor: Visitor): Promise<string> {
  const headers = { "x-csrf-token": await visitor.csrfToken(application.home) };
  const answer = await visitor.fetch("/logout", { method: "POST", headers, body: "" });
  expect(answer.status).toBe(303);
  return answer.headers.get("x-instance") ?? "";
}

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

// OpenID Connect Back-Channel Logout 1.0, 2.7.
// ASVS 7.4.1
test("under load, a copied cookie is refused at once by the instance that ended its session, and by every other within 20 s and one call", async () => {
  const { fleet, storage } = deployment;
  const visitors = [await signIn(deployment.url), await signIn(deployment.url)] as const;
  const copies = visitors.map((visitor) => visitor.clone());
  for (const copy of copies) expect([...(await statuses(copy)).values()]).toEqual([200, 200, 200]);
  // This instance misses all of it.
  const frozen = fleet.instances()[2] as InstanceView;
  fleet.freeze(frozen.id);
  const load = await FleetLoad.start(deployment.url, {
    users: 8,
    pause: 10,
    signInEvery: Number.POSITIVE_INFINITY,
  });

  const polled = storage.standIn.calls.list;
  const begun = performance.now();
  const [here] = await Promise.all([signOut(visitors[0]), signOutAtProvider(visitors[1])]);
  const endedAt = performance.now();
  const [first, second] = await Promise.all(copies.map(statuses));
  expect(first?.get(here)).toBe(401);
  // The instance that received the logout token.
  expect([...(second?.values() ?? [])]).toContain(401);

  const secondsSince = (time: number) => (performance.now() - time) / 1000;
  while (secondsSince(endedAt) < BOUND + 1) {
    const late = secondsSince(endedAt) > BOUND;
    for (const copy of copies) {
      for (const status of (await statuses(copy)).values()) {
        if (late) expect(status).toBe(401);
        else expect([200, 401]).toContain(status);
      }
    }
    await pause(PACE);
  }
  const answers = await load.stop();
  // Nobody else was signed out, and each of the two instances kept to its interval.
  expect(answers.length).toBeGreaterThan(500);
  expect(answers.filter(({ status, cleared }) => status !== 200 || cleared)).toEqual([]);
  const polls = storage.standIn.calls.list - polled;
  expect(polls).toBeLessThanOrEqual(2 * (1 + secondsSince(begun) / LEAST_INTERVAL));

  // There are no other requests, so the next poll is the thawed instance's.
  const before = storage.standIn.calls.list;
  fleet.thaw(frozen.id);
  const many = Array.from({ length: 20 }, (_, index) =>
    statusAt(frozen, copies[index % 2] as Browser),
  );
  expect(new Set(await Promise.all(many))).toEqual(new Set([401]));
  expect(storage.standIn.calls.list).toBe(before + 1);

  const later = await fleet.add();
  for (const copy of copies) expect(await statusAt(later, copy)).toBe(401);
  expect(storage.standIn.calls.list).toBe(before + 2);
}, 90_000);
