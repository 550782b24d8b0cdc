import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { objections, overhang } from "../accessibility.ts";
import { until } from "../until.ts";
import { type ReelVisit, useReelStage } from "./reelVisit.ts";

const stage = useReelStage();

/** Every state of the reel maker, and how to reach it. */
const PAGES: Record<string, (visit: ReelVisit) => Promise<void>> = {
  "the reel maker while it loads": async (visit) => {
    await visit.begin();
    await visit.choose("Embers", "Aurora");
    await visit.page.route("**/api/**", () => undefined);
    await visit.page.reload();
    await visit.page.locator("#reel-waiting").waitFor();
  },
  "an empty reel": (visit) => visit.begin(),
  "a reel of some clips": async (visit) => {
    await visit.begin();
    await visit.choose("Embers", "Aurora", "Seahorse Valley", "Coral");
  },
  "a clip that is not loaded": async (visit) => {
    await visit.page.route("**/api/clips/coral/url", (route) =>
      route.fulfill({ status: 404, json: {} }),
    );
    await visit.begin();
    await visit.page.getByText("Not loaded.").waitFor();
  },
  "a service that is gone": async (visit) => {
    await visit.begin();
    await visit.page.route("**/api/clips", (route) => route.fulfill({ status: 404, json: {} }));
    await visit.page.reload();
    await visit.page.getByText("The clips could not be loaded").waitFor();
  },
  "a session that is over": async (visit) => {
    await visit.begin();
    await visit.context.clearCookies();
    await visit.card("Embers").click();
    await visit.page.getByText("Your session has ended").waitFor();
  },
  "a reel that plays": async (visit) => {
    await visit.begin();
    await visit.choose("Embers", "Aurora", "Seahorse Valley", "Coral");
    await visit.play();
  },
  "a clip that can't be played": async (visit) => {
    await visit.begin();
    await visit.choose("Embers");
    await visit.page.route("**/media/*.mp4*", (route) => route.fulfill({ status: 403, body: "" }));
    await visit.page.reload();
    await visit.untilLoaded();
    await visit.page.getByRole("button", { name: "Play reel" }).click();
    await visit.page.getByText("can’t be played").waitFor();
  },
};

describe.each(Object.entries(PAGES))("%s", (_name, open) => {
  test("is accessible in light mode, and in dark mode at 320 pixels without overflow", async () => {
    // Without the content security policy, which forbids axe-core's script.
    const visit = await stage.visit({ bypassCSP: true, reducedMotion: "reduce" });
    const { page } = visit;
    await open(visit);
    expect(await objections(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await objections(page)).toEqual([]);
    expect(await overhang(page)).toBe(0);
    visit.forgive(/status of 4\d\d|status of 503/);
  });
});

test("on a phone a bar at the bottom links to the reel and plays it", async () => {
  const visit = await stage.visit({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  const { page } = visit;
  await visit.begin();
  await visit.card("Embers").tap();
  await visit.card("Aurora").tap();
  await visit.untilSaved();
  const dock = page.locator("#dock");
  expect(await dock.textContent()).toContain("2 clips · 0:11");
  await dock.getByRole("button", { name: "Play" }).tap();
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Close" }).tap();
  await dock.getByRole("link").tap();
  await until(async () => (await dock.getAttribute("class")) === "dock idle");
  const first = page.getByRole("button", { name: "Move Embers down" });
  await first.tap();
  expect(await visit.reel()).toEqual(["Aurora", "Embers"]);
  expect(await overhang(page)).toBe(0);
});

test("on a phone all touch targets are large enough", async () => {
  const visit = await stage.visit({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  await visit.begin();
  await visit.choose("Embers", "Aurora");
  const small = await visit.page.evaluate(`[...document.querySelectorAll("a, button")]
    .filter((target) => target.checkVisibility({ visibilityProperty: true }))
    .map((target) => [target.textContent.trim() || target.ariaLabel, target.getBoundingClientRect()])
    .filter(([, { width, height }]) => width < 24 || height < 24)
    .map(([name]) => name)`);
  expect(small).toEqual([]);
});

test("on a phone in landscape the whole theatre is visible, and its controls are in one line", async () => {
  const viewport = { width: 667, height: 375 };
  const visit = await stage.visit({ viewport, hasTouch: true, isMobile: true });
  const { page } = visit;
  await visit.begin();
  await visit.choose("Embers", "Seahorse Valley");
  await page.locator("#dock").getByRole("button", { name: "Play" }).tap();
  await visit.untilPlayed();
  for (const part of ["#screen", "#segments", "#previous", "#close"]) {
    const box = await page.locator(part).boundingBox();
    expect(box?.y).toBeGreaterThanOrEqual(0);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(viewport.height);
  }
  const place = await page.getByText("1 of 2").boundingBox();
  expect(place?.height).toBeLessThan(30);
});

test("the page follows the system's color scheme, and the theatre is always dark", async () => {
  const visit = await stage.visit({ colorScheme: "light" });
  const { page } = visit;
  await visit.begin();
  await visit.choose("Embers");
  const ground = (selector: string) =>
    page.evaluate<string>(
      `getComputedStyle(document.querySelector("${selector}")).backgroundColor`,
    );
  expect(await ground("html")).toBe("rgb(250, 246, 242)");
  await visit.play();
  const theatre = await ground("#theatre");
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await ground("html")).toBe("rgb(19, 16, 22)");
  expect(await ground("#theatre")).toBe(theatre);
});

test("with reduced motion nothing on the page moves by itself", async () => {
  const visit = await stage.visit({ reducedMotion: "reduce" });
  const { page } = visit;
  await visit.begin();
  await visit.choose("Embers", "Aurora", "Tides");
  await page.getByRole("button", { name: "Move Tides up" }).click();
  expect(await page.evaluate("document.getAnimations().length")).toBe(0);
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await page.getByRole("button", { name: "Move Embers down" }).click();
  expect(await page.evaluate("document.getAnimations().length")).toBeGreaterThan(0);
});

test("without JavaScript the page says that it needs it", async () => {
  const visit = await stage.visit({ javaScriptEnabled: false });
  const { page } = visit;
  await page.goto("/login?returnTo=/reel-maker");
  await page.getByRole("button", { name: /Ada/ }).click();
  await page.locator("noscript .notice", { hasText: "needs JavaScript" }).waitFor();
});

test("compressed, the page's script is below 15 kB and its style sheets below 6 kB", async () => {
  const weigh = async (path: string) => {
    const response = await fetch(stage.url + path);
    return gzipSync(await response.bytes()).length;
  };
  expect(await weigh("/static/reels/page.js")).toBeLessThan(15_000);
  const sheets = ["/static/style.css", "/static/reels/style.css"].map(weigh);
  expect((await Promise.all(sheets)).reduce((sum, bytes) => sum + bytes)).toBeLessThan(6_000);
});
