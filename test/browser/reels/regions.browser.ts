import { expect, test } from "@jest/globals";
import type { Region } from "../../local/regions.ts";
import { useReelStage } from "./reelVisit.ts";

const stage = useReelStage({ regions: 2, instances: 2 });

test("a reel plays on and is saved while its region is lost, and the other one after it is back", async () => {
  const { regions } = stage.deployment;
  const [near, far] = regions.all as readonly [Region, Region];
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Tides");
  await visit.play();
  await regions.lose(near);
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Next clip" }).click();
  await page.getByRole("heading", { name: "Tides" }).waitFor();
  await visit.untilPlayed();
  await page.getByRole("button", { name: "Close" }).click();
  await visit.choose("Silk");

  await regions.bringBack(near);
  await regions.lose(far);
  await page.reload();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Embers", "Tides", "Silk"]);
  await page.getByText("ada@example.com").waitFor();
});
