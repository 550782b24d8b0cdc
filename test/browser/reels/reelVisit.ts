import type { Locator, Page } from "playwright-core";
import type { DeploymentOptions } from "../../local/deployment.ts";
import { until } from "../until.ts";
import { type TestStage, useStage } from "../useStage.ts";
import { Visit } from "../visit.ts";

/** A stage whose visits are to the reel maker. */
export function useReelStage(options?: DeploymentOptions): TestStage<ReelVisit> {
  return useStage(ReelVisit, options);
}

/** A visit to the reel maker. */
export class ReelVisit extends Visit {
  /** Waits until every clip has a URL. From then on clips repeat: see `repeatClips`. */
  override async untilLoaded(page: Page = this.page): Promise<void> {
    await page.locator("#served", { hasText: "served by" }).waitFor();
    await until(async () => (await page.locator(".card.waiting").count()) === 0);
    await this.repeatClips(true, page);
  }

  /**
   * Whether a clip that has come to its end begins again, instead of the next one. Clips last a few
   * seconds, and on a busy machine a whole reel would be over before a test looks at it.
   */
  async repeatClips(repeat: boolean, page: Page = this.page): Promise<void> {
    await page.locator("#screen video").evaluateAll((videos: { loop: boolean }[], loop) => {
      for (const video of videos) video.loop = loop;
    }, repeat);
  }

  /** The card of a clip in the library. */
  card(title: string, page: Page = this.page): Locator {
    return page.locator("#cards").getByRole("button", { name: title, exact: true });
  }

  /** Chooses clips with the mouse, and waits until the reel is saved. */
  async choose(...titles: string[]): Promise<void> {
    for (const title of titles) await this.card(title).click();
    await this.untilSaved();
  }

  async untilSaved(page: Page = this.page): Promise<void> {
    await page.locator('#saving[data-state="saved"]').waitFor();
  }

  /** Titles of the reel's clips, in order. */
  reel(page: Page = this.page): Promise<string[]> {
    return page.locator("#rows .title").allTextContents();
  }

  /** Starts the reel, and waits until its video advances. */
  async play(): Promise<void> {
    await this.page.getByRole("button", { name: "Play reel" }).click();
    await this.untilPlayed();
  }

  /** Position in the current clip, in seconds. */
  position(): Promise<number> {
    const video = this.page.locator("#screen video.on");
    return video.evaluate((on: { readonly currentTime: number }) => on.currentTime);
  }

  /** Waits until clips have advanced by that many seconds, also where one begins again meanwhile. */
  async untilPlayed(seconds = 0.2): Promise<void> {
    await this.page.locator("#screen video.on").waitFor();
    let last = await this.position();
    let played = 0;
    await until(async () => {
      const position = await this.position();
      played += Math.max(0, position - last);
      last = position;
      return played >= seconds;
    });
  }
}
