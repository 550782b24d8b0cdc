import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { reelMakerPage as render } from "../../../service/reels/reelMakerPage.ts";

const SHOWN = { clips: 12, chosen: 3 };

function reelMakerPage(shown: Parameters<typeof render>[1]): string {
  return render({ user_id: "1", user_email: "ada@example.com", csrf_token: "token" }, shown);
}

/** All tags of a page as text. */
function tagsOf(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? [];
}

test("the page has no inline scripts and styles; its script is a file of the service", () => {
  const page = reelMakerPage(SHOWN);
  const scripts = tagsOf(page).filter((tag) => /^<script/.test(tag));
  expect(scripts).toEqual([
    expect.stringMatching(/ type="module" src="\/static\/reels\/page\.js"/),
  ]);
  expect(page).toMatch(/<script[^>]*><\/script>/);
  expect(page).not.toMatch(/<style|<[^>]* (?:style|on\w+)=|javascript:/i);
});

test("ids are unique, and each reference to an id has a target", () => {
  const page = reelMakerPage(SHOWN);
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const references = page.matchAll(
    / (?:aria-(?:labelledby|describedby|controls)|for|href)="#?([^"/]*)"/g,
  );
  for (const [, reference] of references) expect(ids).toContain(reference);
});

test("there is a placeholder for each clip in the library and in the reel", () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(12), (clips, chosen) => {
      const page = reelMakerPage({ clips, chosen });
      expect(page.match(/class="card waiting"/g) ?? []).toHaveLength(clips);
      expect(page.match(/class="row"/g) ?? []).toHaveLength(chosen);
      const hidden = (id: string) =>
        / hidden>$/.test(tagsOf(page).find((tag) => tag.includes(`id="${id}"`)) ?? "");
      expect([hidden("empty"), hidden("reel-waiting")]).toEqual([chosen > 0, chosen === 0]);
    }),
    { numRuns: 30 },
  );
});

test("without JavaScript the page says that it needs it", () => {
  expect(reelMakerPage(SHOWN)).toMatch(/<noscript>.*needs JavaScript.*<\/noscript>/);
});
