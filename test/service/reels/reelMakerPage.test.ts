import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { reelMakerPage } from "../../../service/reels/reelMakerPage.ts";

const SHOWN = {
  clips: 12,
  chosen: 3,
  user: "110248495921238986420",
  email: "ada@example.com",
  csrf: "a-token_of-the-session",
};

/** Every tag of a page, as it is written. */
function tagsOf(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? [];
}

/** A page without its texts and its attributes' values. */
function markupOf(page: string): string {
  return page.replace(/>[^<]*</g, "><").replace(/="[^"]*"/g, "");
}

/** The value of an attribute of the first tag that has that text in it. */
function attribute(page: string, tag: string, name: string): string | undefined {
  const found = tagsOf(page).find((written) => written.includes(tag));
  return new RegExp(` ${name}="([^"]*)"`).exec(found ?? "")?.[1];
}

test("the session's token is there for the script and for signing out", () => {
  const page = reelMakerPage(SHOWN);
  expect(attribute(page, 'name="csrf-token"', "content")).toBe(SHOWN.csrf);
  expect(attribute(page, 'name="_csrf"', "value")).toBe(SHOWN.csrf);
  expect(attribute(page, 'id="sign-out"', "method")).toBe("post");
  expect(attribute(page, 'id="sign-out"', "action")).toBe("/logout");
});

test("who is signed in is shown, and their name at the provider is there for the script", () => {
  const page = reelMakerPage(SHOWN);
  expect(page).toContain(`>${SHOWN.email}<`);
  expect(attribute(page, 'name="user"', "content")).toBe(SHOWN.user);
});

test("whatever the provider calls the user stays text: it adds no tag and ends no attribute", () => {
  const hostile = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."&<>\"'=/ abon;-`\n") }),
    fc.string({ unit: "binary" }),
    fc.constantFrom('"><script>alert(1)</script>', "' onload='x", "--><b>", "</title><script>"),
  );
  const markup = markupOf(reelMakerPage(SHOWN));
  fc.assert(
    fc.property(hostile, hostile, hostile, (email, user, csrf) => {
      expect(markupOf(reelMakerPage({ ...SHOWN, email, user, csrf }))).toBe(markup);
    }),
    { numRuns: 40 },
  );
});

test("who has no e-mail address at the provider can use it as well", () => {
  const page = reelMakerPage({ clips: 12, chosen: 0, user: "1", email: undefined, csrf: "c" });
  expect(page).not.toMatch(/undefined|null|\[object/);
});

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
      const page = reelMakerPage({ ...SHOWN, clips, chosen });
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
