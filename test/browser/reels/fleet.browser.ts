import { expect, test } from "@jest/globals";
import { changeToken } from "../sessionCookie.ts";
import { QUICK_KEYS } from "../stage.ts";
import { until } from "../until.ts";
import { type ReelVisit, useReelStage } from "./reelVisit.ts";

const stage = useReelStage({ env: QUICK_KEYS });

/** Project and name of the deployment's SECRET_KEY. */
function secretOf({ secretKey }: { readonly secretKey: string }): [string, string] {
  const [, project = "", , secret = ""] = secretKey.split("/");
  return [project, secret];
}

/**
 * Adds a version of SECRET_KEY, and waits until every instance signs with it.
 * @returns the version's number
 */
async function rotate(): Promise<number> {
  const { store } = stage.deployment.secretManager.standIn;
  const payload = "a key that came later, of more than 32 characters";
  const data = Buffer.from(payload).toString("base64");
  const { name } = store.add(...secretOf(stage.deployment), { data });
  const kid = name.split("/").at(-1);
  await until(async () => (await newestKids()).every((signer) => signer === kid));
  return Number(kid);
}

/** Disables all earlier versions, and waits until every instance refuses the visitor's session. */
async function disableBefore(newest: number, { context }: ReelVisit): Promise<void> {
  const { store } = stage.deployment.secretManager.standIn;
  for (let version = 1; version < newest; version++) {
    store.disable(...secretOf(stage.deployment), String(version));
  }
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  await until(async () => {
    const ask = () => fetch(`${stage.url}/api/reel`, { headers: { cookie } });
    const answers = await Promise.all(Array.from({ length: 12 }, ask));
    return answers.every(({ status }) => status === 401);
  });
}

/** The signing keys of a dozen new sign-ins, each at a random instance. */
function newestKids(): Promise<(string | undefined)[]> {
  return Promise.all(
    Array.from({ length: 12 }, async () => {
      const response = await fetch(`${stage.url}/login`, { redirect: "manual" });
      const [cookie = ""] = response.headers.getSetCookie();
      return /=v1\.(\w+)\./.exec(cookie)?.[1];
    }),
  );
}

test("clips come from every instance, and the page names the instance of each", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const ids = stage.deployment.fleet.instances().map(({ id }) => `from ${id}`);
  const shown = await visit.page.locator(".card .instance").allTextContents();
  expect(shown).toHaveLength(12);
  expect(ids).toEqual(expect.arrayContaining(shown));
  expect(new Set(shown).size).toBeGreaterThan(1);
});

test("a reel plays on while an instance is killed", async () => {
  const { fleet } = stage.deployment;
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Tides");
  await visit.play();
  const [first] = fleet.instances();
  await fleet.add();
  await fleet.kill(first?.id);
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Next clip" }).click();
  await page.getByRole("heading", { name: "Tides" }).waitFor();
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Close" }).click();
  await visit.choose("Silk");
  await page.reload();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Embers", "Tides", "Silk"]);
});

test("a reel plays on while the key is rotated", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Tides");
  await visit.play();
  await rotate();
  await page.getByRole("button", { name: "Next clip" }).click();
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Close" }).click();
  await visit.choose("Silk");
  await page.reload();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Embers", "Tides", "Silk"]);
  await page.getByText("ada@example.com").waitFor();
});

test("an outage of Secret Manager does not affect a visitor", async () => {
  const { standIn } = stage.deployment.secretManager;
  const visit = await stage.visit();
  await visit.begin();
  standIn.fail({ fault: "unavailable" });
  try {
    const failed = standIn.calls.access;
    await visit.choose("Embers", "Silk");
    await until(async () => {
      await visit.page.reload();
      return standIn.calls.access > failed;
    });
    await visit.untilLoaded();
    expect(await visit.reel()).toEqual(["Embers", "Silk"]);
    await visit.play();
  } finally {
    standIn.heal();
  }
});

test("a session whose key is temporarily unreadable continues after retries", async () => {
  const { standIn } = stage.deployment.secretManager;
  const visit = await stage.visit();
  await visit.begin();
  const { context, page } = visit;
  const readable = await context.cookies();
  await changeToken(context, (token) => token.replace(/^v1\.\d+/, "v1.77"));
  standIn.fail({ fault: "unavailable" });
  try {
    const refused = page.waitForResponse("**/api/reel");
    await visit.card("Embers").click();
    const answer = await refused;
    expect(answer.status()).toBe(503);
    expect(answer.headers()).not.toHaveProperty("set-cookie");
    // While nothing can be read: a moment later it would be known that there is no such key. A
    // retry in flight still has the other key, so it ends before the keys can be read again.
    await context.addCookies(readable);
    await page.waitForResponse("**/api/reel");
  } finally {
    standIn.heal();
  }
  await visit.untilSaved();
  expect(await page.locator("#notice").isVisible()).toBe(false);
  visit.forgive(/status of 503/);
});

test("a visitor whose key is disabled signs in again and finds the unsaved reel", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Aurora");
  await disableBefore(await rotate(), visit);
  await visit.card("Silk").click();
  await page.getByText("Your session has ended").waitFor();
  await page.getByRole("link", { name: "Sign in again" }).click();
  await page.getByRole("button", { name: /Ada/ }).click();
  await page.waitForURL("**/reel-maker");
  await visit.untilLoaded();
  await visit.untilSaved();
  expect(await visit.reel()).toEqual(["Embers", "Aurora", "Silk"]);
  visit.forgive(/status of 401/);
});
