import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { reelMakerPage as render } from "../../../service/reels/reelMakerPage.ts";

const SHOWN = { clips: 12, chosen: 3 };

function reelMakerPage(shown: Parameters<typeof render>[1]): string {
  return render({ user_id: "1", user_email: "ada@example.com", csrf_token: "token" }, shown);
}

/** Every tag of a page, as it is written. */
function tagsOf(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? [];
}

test("its script is a file of the service's: none is in the page, and no style either", () => {
  const page = reelMakerPage(SHOWN);
  const scripts = tagsOf(page).filter((tag) => /^<script/.test(tag));
  expect(scripts).toEqual([
    expect.stringMatching(/ type="module" src="\/static\/reels\/page\.js"/),
  ]);
  expect(page).toMatch(/<script[^>]*><\/script>/);
  expect(page).not.toMatch(/<style|<[^>]* (?:style|on\w+)=|javascript:/i);
});

test("each id is there once, and what refers to one finds it", () => {
  const page = reelMakerPage(SHOWN);
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const references = page.matchAll(
    / (?:aria-(?:labelledby|describedby|controls)|for|href)="#?([^"/]*)"/g,
  );
  for (const [, reference] of references) expect(ids).toContain(reference);
});

test("as many places are kept as there are clips, and in the reel as were chosen", () => {
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

test("without JavaScript it says what it needs", () => {
  expect(reelMakerPage(SHOWN)).toMatch(/<noscript>.*needs JavaScript.*<\/noscript>/);
});
