import { expect, test } from "@jest/globals";
import type { Route } from "playwright-core";
import { until } from "../until.ts";
import { type ReelVisit, useReelStage } from "./reelVisit.ts";

const stage = useReelStage();

/** Seeks to shortly before the end of the current clip. */
function skipToEnd({ page }: ReelVisit): Promise<unknown> {
  const video = page.locator("#screen video.on");
  return video.evaluate((on: { currentTime: number; duration: number }) => {
    on.currentTime = on.duration - 0.3;
  });
}

test("a reel plays all clips in order, ends, and plays again", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.repeatClips(false);
  await visit.choose("Ripples", "Mosaic");
  await visit.play();
  expect(await page.locator("#now-title").textContent()).toBe("Ripples");
  await page.getByText("1 of 2").waitFor();
  await skipToEnd(visit);
  await page.getByRole("heading", { name: "Mosaic" }).waitFor();
  await visit.untilPlayed();
  await skipToEnd(visit);
  await page.getByRole("button", { name: "Play again" }).click();
  await page.getByRole("heading", { name: "Ripples" }).waitFor();
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Close" }).click();
  expect(await page.locator("#theatre").isVisible()).toBe(false);
});

test("pause stops the clip, and play resumes it at the same position", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers");
  await visit.play();
  await page.getByRole("button", { name: "Pause" }).click();
  const at = await visit.position();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await visit.untilPlayed();
  expect(await visit.position()).toBeGreaterThan(at);
});

test("the first clip is preloaded", async () => {
  const visit = await stage.visit();
  await visit.begin();
  await visit.choose("Embers");
  const first = visit.page.locator("#screen video").first();
  await until(
    async () => (await first.evaluate((video: { readyState: number }) => video.readyState)) >= 3,
  );
  expect(await first.getAttribute("poster")).toMatch(/^\/media\/embers\.jpg\?token=/);
});

test("a first clip whose preload failed is loaded again and played", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  let failures = 0;
  await page.route("**/media/embers.mp4*", (route) => {
    failures += 1;
    return failures === 1 ? route.abort() : route.continue();
  });
  await visit.choose("Embers");
  await until(() => failures > 0);
  await visit.play();
  visit.forgive(/net::ERR_FAILED/);
});

/** Makes the first response with a clip's URLs contain URLs that the service refuses. */
async function handOutStale({ page }: ReelVisit, clip: string, field: "url" | "poster_url") {
  const stale = async (route: Route) => {
    const response = await route.fetch();
    const urls = await response.json();
    const json = { ...urls, [field]: urls[field].replace(/token=.*/, "token=stale") };
    await route.fulfill({ response, json });
  };
  await page.route(`**/api/clips/${clip}/url`, stale, { times: 1 });
}

test("a clip whose URL has expired is played with a new one", async () => {
  const visit = await stage.visit();
  await handOutStale(visit, "tides", "url");
  await visit.begin();
  const refused = visit.page.waitForResponse((response) => response.status() === 403);
  await visit.choose("Tides");
  expect((await refused).url()).toMatch(/tides\.mp4\?token=stale$/);
  await visit.play();
  visit.forgive(/status of 403/);
});

test("a poster whose URL has expired is shown with a new one", async () => {
  const visit = await stage.visit();
  await handOutStale(visit, "coral", "poster_url");
  await visit.begin();
  await visit.page.locator('.card[data-clip="coral"] img.there').waitFor();
  visit.forgive(/status of 403/);
});

test("a clip that can't be played shows an error; a retry plays it, and other clips remain playable", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await page.route("**/media/embers.mp4*", (route) => route.abort());
  await visit.choose("Embers", "Silk");
  await page.getByRole("button", { name: "Play reel" }).click();
  await page.getByText("Embers can’t be played right now.").waitFor();
  await page.getByRole("button", { name: "Next clip" }).click();
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Previous clip" }).click();
  await page.getByText("Embers can’t be played right now.").waitFor();
  await page.unroute("**/media/embers.mp4*");
  await page.getByRole("button", { name: "Try again" }).click();
  await visit.untilPlayed();
  visit.forgive(/net::ERR_FAILED/);
});

test("a clip plays in its card on hover, except with reduced motion", async () => {
  const visit = await stage.visit();
  await visit.begin();
  await visit.card("Orbits").hover();
  await visit.page.locator('.card[data-clip="orbits"] video.there').waitFor();
  await visit.page.mouse.move(5, 5);
  await until(async () => (await visit.page.locator(".card video").count()) === 0);

  await visit.page.emulateMedia({ reducedMotion: "reduce" });
  await visit.card("Orbits").hover();
  const asked = visit.page.waitForRequest(/orbits\.mp4/, { timeout: 600 });
  await expect(asked).rejects.toThrow("Timeout");
});
