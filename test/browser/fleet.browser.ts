import { expect, test } from "@jest/globals";
import { QUICK_KEYS } from "./stage.ts";
import { until } from "./until.ts";
import { useStage } from "./useStage.ts";

const stage = useStage({ env: QUICK_KEYS });

/** Adds a version of SECRET_KEY, as a rotation does, and waits until every instance signs with it. */
async function rotate(): Promise<void> {
  const { secretKey, secretManager } = stage.deployment;
  const [, project = "", , secret = ""] = secretKey.split("/");
  const payload = "a key that came later, of more than 32 characters";
  const data = Buffer.from(payload).toString("base64");
  const { name } = secretManager.standIn.store.add(project, secret, { data });
  const kid = name.split("/").at(-1);
  await until(async () => (await newestKids()).every((signer) => signer === kid));
}

/** The keys that a dozen sign-ins in a row are begun with: instances are picked at random. */
function newestKids(): Promise<(string | undefined)[]> {
  return Promise.all(
    Array.from({ length: 12 }, async () => {
      const response = await fetch(`${stage.url}/login`, { redirect: "manual" });
      const [cookie = ""] = response.headers.getSetCookie();
      return /=v1\.(\w+)\./.exec(cookie)?.[1];
    }),
  );
}

test("clips come from every instance, and the page says from which", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const ids = stage.deployment.fleet.instances().map(({ id }) => `from ${id}`);
  const shown = await visit.page.locator(".card .instance").allTextContents();
  expect(shown).toHaveLength(12);
  expect(ids).toEqual(expect.arrayContaining(shown));
  expect(new Set(shown).size).toBeGreaterThan(1);
});

test("a visitor does not notice that an instance is killed while their reel plays", async () => {
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

test("a visitor does not notice that the key is rotated while their reel plays", async () => {
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

test("while the keys can't be read a save is tried again, and succeeds when they can", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  let refusals = 0;
  await page.route("**/api/reel", (route) => {
    refusals += 1;
    return refusals > 2
      ? route.continue()
      : route.fulfill({
          status: 503,
          headers: { "retry-after": "0" },
          json: { status: 503, code: "keys_unavailable", title: "One moment, please" },
        });
  });
  await visit.choose("Embers");
  expect(refusals).toBe(3);
  visit.forgive(/status of 503/);
});
