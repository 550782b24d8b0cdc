import { expect, test } from "@jest/globals";
import type { Locator, Page } from "playwright-core";
import { hasFocus, tabTo } from "../focus.ts";
import { until } from "../until.ts";
import { useReelStage } from "./reelVisit.ts";

const stage = useReelStage();

async function drag(page: Page, from: Locator, to: Locator): Promise<void> {
  const [start, end] = [await from.boundingBox(), await to.boundingBox()];
  if (start === null || end === null) throw new Error("nothing to drag");
  await page.mouse.move(start.x + start.width / 2, start.y + start.height / 2);
  await page.mouse.down();
  await page.mouse.move(start.x + start.width / 2, end.y + end.height / 2, { steps: 8 });
  await page.mouse.up();
}

test("a reel that is made and reordered with the mouse is there after a reload", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await page.getByText("Nothing here yet.").waitFor();

  await visit.choose("Embers", "Aurora", "Coral", "Mosaic");
  expect(await visit.reel()).toEqual(["Embers", "Aurora", "Coral", "Mosaic"]);
  expect(await visit.card("Coral").getAttribute("aria-pressed")).toBe("true");
  expect(await page.getByText("Nothing here yet.").isVisible()).toBe(false);

  const row = (title: string) => page.locator(".row", { hasText: title });
  await drag(page, page.getByRole("button", { name: "Move Mosaic", exact: true }), row("Embers"));
  await until(async () => (await visit.reel())[0] === "Mosaic");
  await page.getByRole("button", { name: "Remove Aurora" }).click();
  await page.getByRole("button", { name: "Move Embers down" }).click();
  await visit.card("Coral").click();
  await visit.card("Coral").click();
  await visit.untilSaved();
  expect(await visit.reel()).toEqual(["Mosaic", "Embers", "Coral"]);

  await page.reload();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Mosaic", "Embers", "Coral"]);
  await page.getByText("Saved").waitFor();
});

test("a cancelled drag leaves the reel unchanged", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Aurora");
  const grip = await page.getByRole("button", { name: "Move Embers", exact: true }).boundingBox();
  await page.mouse.move((grip?.x ?? 0) + 5, (grip?.y ?? 0) + 5);
  await page.mouse.down();
  await page.mouse.move((grip?.x ?? 0) + 5, (grip?.y ?? 0) + 200, { steps: 5 });
  await page.keyboard.press("Escape");
  await page.mouse.up();
  expect(await visit.reel()).toEqual(["Embers", "Aurora"]);
});

test("sign-in, and making, ordering and playing a reel, work with the keyboard alone", async () => {
  const visit = await stage.visit();
  const { page } = visit;
  await page.goto("/");
  await tabTo(page.getByRole("link", { name: "Sign in" }));
  await page.keyboard.press("Enter");
  await page.getByText("Who are you?").waitFor();
  await tabTo(page.getByRole("button", { name: /Ada/ }));
  await page.keyboard.press("Enter");
  await visit.untilLoaded();

  for (const title of ["Embers", "Tides", "Silk"]) {
    await tabTo(visit.card(title));
    await page.keyboard.press("Space");
  }
  await visit.untilSaved();
  expect(await visit.reel()).toEqual(["Embers", "Tides", "Silk"]);

  const grip = page.getByRole("button", { name: "Move Silk", exact: true });
  await tabTo(grip);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  expect(await hasFocus(grip)).toBe(true);
  expect(await page.locator("#announcer").textContent()).toBe("Silk is now number 1 of 3.");
  await tabTo(page.getByRole("button", { name: "Remove Embers" }));
  await page.keyboard.press("Enter");
  expect(await visit.reel()).toEqual(["Silk", "Tides"]);
  expect(await hasFocus(page.getByRole("button", { name: "Remove Tides" }))).toBe(true);
  await visit.untilSaved();

  const play = page.getByRole("button", { name: "Play reel" });
  await tabTo(play, "Shift+Tab");
  await page.keyboard.press("Enter");
  await visit.untilPlayed();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { name: "Tides" }).waitFor();
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Play", exact: true }).waitFor();
  await page.keyboard.press("Escape");
  expect(await hasFocus(play)).toBe(true);
});

test("the skip link skips the library", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await page.keyboard.press("Tab");
  const link = page.getByRole("link", { name: "Skip to your reel" });
  expect(await hasFocus(link)).toBe(true);
  await page.keyboard.press("Enter");
  expect(await hasFocus(page.locator("#reel"))).toBe(true);
});

test.each([1280, 1024, 390])(
  "at %i pixels the layout does not shift while the clips load",
  async (width) => {
    const visit = await stage.visit({ viewport: { width, height: 800 } });
    await visit.begin();
    await visit.choose("Embers", "Aurora");
    const { page } = visit;
    const held = Promise.withResolvers<void>();
    await page.route("**/api/clips", async (route) => {
      await held.promise;
      await route.continue();
    });
    await page.reload();
    const last = page.locator(".card").last();
    const before = await last.locator(".frame").boundingBox();
    expect(await page.locator("#reel-waiting .row").count()).toBe(2);
    expect(await page.getByText("Nothing here yet.").isVisible()).toBe(false);
    held.resolve();
    await visit.untilLoaded();
    expect(await last.locator(".frame").boundingBox()).toEqual(before);
    expect(await page.locator("#reel-waiting").isVisible()).toBe(false);
  },
);

test("at most six URLs are requested at once, and each clip's once", async () => {
  const visit = await stage.visit();
  let [now, most] = [0, 0];
  const asked: string[] = [];
  await visit.page.route("**/api/clips/*/url", async (route) => {
    asked.push(route.request().url());
    most = Math.max(most, ++now);
    const response = await route.fetch();
    now--;
    await route.fulfill({ response });
  });
  await visit.begin();
  expect(asked).toHaveLength(12);
  expect(new Set(asked).size).toBe(12);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(6);
});

test("a clip that can't be loaded shows an error, and loads after a retry", async () => {
  const visit = await stage.visit();
  const { page } = visit;
  let broken = true;
  await page.route("**/api/clips/coral/url", (route) =>
    broken ? route.fulfill({ status: 404, json: { code: "clip_not_found" } }) : route.continue(),
  );
  await visit.begin();
  await page.getByText("Not loaded.").waitFor();
  broken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator('.card[data-clip="coral"]', { hasText: "from " }).waitFor();
  expect(await page.getByText("Not loaded.").count()).toBe(0);
  visit.forgive(/status of 404/);
});

test("if the service can't be reached, the page shows an error, hides the reel, and recovers", async () => {
  const visit = await stage.visit();
  await visit.begin();
  await visit.choose("Embers");
  const { page } = visit;
  await page.route("**/api/clips", (route) => route.fulfill({ status: 400, body: "" }));
  await page.reload();
  await page.getByText("The clips could not be loaded").waitFor();
  const again = page.getByRole("button", { name: "Try again" });
  expect(await hasFocus(again)).toBe(true);
  expect(await page.locator("#reel").isVisible()).toBe(false);
  await page.unroute("**/api/clips");
  await again.click();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Embers"]);
  expect(await page.locator("#notice").isVisible()).toBe(false);
  visit.forgive(/status of 400/);
});

test("a reel that can't be saved is kept on the device, and saved after a retry", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await page.route("**/api/reel", (route) => route.fulfill({ status: 400, json: {} }));
  await visit.card("Embers").click();
  await page.getByText("Not saved.").waitFor();
  await page.unroute("**/api/reel");
  await page.getByRole("button", { name: "Try again" }).click();
  await visit.untilSaved();
  await page.reload();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Embers"]);
  visit.forgive(/status of 400/);
});
