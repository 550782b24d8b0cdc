import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { LocalDeployment } from "../local/deployment.ts";
import { ada } from "../local/identity/users.ts";
import type { Region } from "../local/regions.ts";
import { askMany } from "../support/askMany.ts";
import { answerOfProvider, signIn, Visitor } from "../support/signIn.ts";
import { type Answer, FleetLoad, kidOf } from "./fleetLoad.ts";
import { QUICK_ROTATION, rotateDeployment } from "./rotateDeployment.ts";

/** Seconds within which every instance knows of a sign-out; and one call. */
const BOUND = 20;
const CALL = 2;

/** Milliseconds that a test may take where the machine has other work; alone it takes a tenth. */
const BUSY = 120_000;

// oidc-provider warns that it finds no dispatcher among jest's globals.
jest.spyOn(console, "warn").mockImplementation(() => {});

let deployment: LocalDeployment;
let near: Region;
let far: Region;
/** Regions that began to get the requests. */
const serving: (string | undefined)[] = [];

beforeAll(async () => {
  deployment = await LocalDeployment.start({
    regions: 2,
    instances: 2,
    env: QUICK_ROTATION,
    regionsEvents: { onServing: (region) => serving.push(region) },
  });
  [near, far] = deployment.regions.all as readonly [Region, Region];
}, BUSY);
afterAll(() => deployment?.close());

let load: FleetLoad | undefined;
afterEach(() => load?.stop());

beforeEach(async () => {
  const { regions, secretManager } = deployment;
  secretManager.standIn.heal();
  await Promise.all(regions.all.map((region) => regions.bringBack(region)));
  serving.length = 0;
});

/** Waits until something is so; the test's own time limit ends it. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20);
}

/** What each instance of a region says, past the balancers, of a browser's session. */
async function statusesIn({ fleet }: Region, { cookies }: Visitor | BrowserCopy) {
  const headers = { cookie: `session=${cookies.get("session")}` };
  return Promise.all(
    fleet.instances().map(async ({ port }) => {
      const response = await fetch(`http://127.0.0.1:${port}${application.api}`, { headers });
      await response.arrayBuffer();
      return response.status;
    }),
  );
}
type BrowserCopy = ReturnType<Visitor["clone"]>;

const EXPECTED = { api: 200, page: 200, post: 404, "sign-in": 303 };

function isLost({ status }: Answer): boolean {
  return status === 0 || status >= 500;
}

test(
  "under load, a region that is lost costs at most the requests in flight, and no session",
  async () => {
    const { regions } = deployment;
    const options = { users: 8, pause: 5, signInEvery: Number.POSITIVE_INFINITY, posts: true };
    const begun = await FleetLoad.start(deployment.url, options);
    load = begun;
    const answered = async (count: number) => {
      const goal = begun.answers.length + count;
      await until(() => begun.answers.length >= goal);
    };
    const cuts: { readonly from: number; readonly to: number }[] = [];
    const cut = async (work: () => Promise<unknown>) => {
      await answered(100);
      const from = performance.now();
      await work();
      cuts.push({ from, to: performance.now() });
      await answered(100);
    };
    // Its instances are replaced.
    await cut(() => Promise.all(near.fleet.instances().map(({ id }) => near.fleet.crash(id))));
    await until(() => regions.serving === near);
    await cut(() => regions.lose(near));
    await regions.bringBack(near);
    await cut(() => regions.lose(far));
    const answers = await begun.stop();

    expect(serving).toEqual([far.name, near.name, far.name, near.name]);
    const inFlight = cuts.map(({ from, to }) =>
      answers.filter(({ at, answeredAt }) => at <= to && answeredAt >= from),
    );
    for (const { length } of inFlight) expect(length).toBeGreaterThan(0);
    const lost = answers.filter(isLost);
    for (const answer of lost) expect(inFlight.flat()).toContain(answer);
    // A GET is repeated in another region, and nobody used the one that was lost at last.
    expect(lost.filter(({ request }) => request !== "post")).toEqual([]);
    expect(lost.filter((answer) => inFlight[2]?.includes(answer))).toEqual([]);
    const wrong = answers.filter(
      (answer) => !isLost(answer) && answer.status !== EXPECTED[answer.request],
    );
    expect(wrong).toEqual([]);
    expect(answers.filter(({ cleared }) => cleared)).toEqual([]);
  },
  BUSY,
);

test(
  "a sign-in that begins in one region ends in another; with all of them away nobody is signed out",
  async () => {
    const { regions } = deployment;
    const visitor = new Visitor(deployment.url);
    const callback = await answerOfProvider(visitor, ada);
    await regions.lose(near);
    expect((await visitor.fetch(callback)).status).toBe(303);
    const session = visitor.cookies.get("session");
    await regions.lose(far);
    const refused = await visitor.fetch(application.api);
    expect([refused.status, refused.headers.getSetCookie()]).toEqual([503, []]);
    await regions.bringBack(near);
    expect(visitor.cookies.get("session")).toBe(session);
    expect((await visitor.fetch(application.api)).status).toBe(200);
  },
  BUSY,
);

test(
  "a key that only one region has seen is accepted in the other, which can't list the keys",
  async () => {
    const { secretManager, regions } = deployment;
    const frozen = far.fleet.instances().map(({ id }) => far.fleet.freeze(id));
    const version = await rotateDeployment(deployment);
    let visitor = await signIn(deployment.url);
    while (kidOf(visitor.cookies.get("session")) !== String(version)) {
      await delay(100);
      visitor = await signIn(deployment.url);
    }
    secretManager.standIn.fail({ fault: "unavailable", on: ["list"] });
    for (const id of frozen) far.fleet.thaw(id);
    await regions.lose(near);
    const answers = await askMany(visitor);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ instance }) => instance))).toEqual(new Set(frozen));
  },
  BUSY,
);

// ASVS 7.4.1
test(
  "who signs out in one region is signed out in the other within 20 s",
  async () => {
    const { regions } = deployment;
    const visitor = await signIn(deployment.url);
    const bystander = await signIn(deployment.url);
    const copy = visitor.clone();
    expect(await statusesIn(far, copy)).toEqual([200, 200]);

    const headers = { "x-csrf-token": await visitor.csrfToken(application.home) };
    const answer = await visitor.fetch("/logout", { method: "POST", headers, body: "" });
    const signedOutAt = performance.now();
    expect(answer.status).toBe(303);
    expect(near.fleet.instances().map(({ id }) => id)).toContain(answer.headers.get("x-instance"));
    await until(async () => {
      const asked = (performance.now() - signedOutAt) / 1000;
      const statuses = await statusesIn(far, copy);
      for (const status of statuses) expect([200, 401]).toContain(status);
      if (statuses.includes(200)) expect(asked).toBeLessThan(BOUND + CALL);
      return !statuses.includes(200);
    });
    await regions.lose(near);
    expect((await copy.fetch(application.api)).status).toBe(401);
    expect((await bystander.fetch(application.api)).status).toBe(200);
  },
  BUSY,
);
