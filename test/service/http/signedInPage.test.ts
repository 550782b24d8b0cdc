import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { html } from "../../../service/http/html.ts";
import {
  type SignedInPage,
  signedInPage,
  type Visitor,
} from "../../../service/http/signedInPage.ts";
import { anyText } from "../../support/arbitraries.ts";

const SESSION = {
  user_id: "110248495921238986420",
  user_email: "ada@example.com",
  csrf_token: "a-token_of-the-session",
};

function render(visitor: Visitor = SESSION, options: Partial<SignedInPage> = {}): string {
  return signedInPage(visitor, { title: "Notes", body: html`<main></main>`, ...options });
}

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
  const page = render();
  expect(attribute(page, 'name="csrf-token"', "content")).toBe(SESSION.csrf_token);
  expect(attribute(page, 'name="_csrf"', "value")).toBe(SESSION.csrf_token);
  expect(attribute(page, 'id="sign-out"', "method")).toBe("post");
  expect(attribute(page, 'id="sign-out"', "action")).toBe("/logout");
});

test("who is signed in is shown, and their name at the provider is there for the script", () => {
  const page = render();
  expect(page).toContain(`>${SESSION.user_email}<`);
  expect(attribute(page, 'name="user"', "content")).toBe(SESSION.user_id);
});

test("whatever the provider calls the user stays text: it adds no tag and ends no attribute", () => {
  const hostile = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."&<>\"'=/ abon;-`\n") }),
    anyText(),
    fc.constantFrom('"><script>alert(1)</script>', "' onload='x", "--><b>", "</title><script>"),
  );
  const markup = markupOf(render());
  fc.assert(
    fc.property(hostile, hostile, hostile, (user_email, user_id, csrf_token) => {
      expect(markupOf(render({ user_email, user_id, csrf_token }))).toBe(markup);
    }),
    { numRuns: 40 },
  );
});

test("who has no e-mail address at the provider can use it as well", () => {
  const page = render({ user_id: "1", csrf_token: "c" });
  expect(page).not.toMatch(/undefined|null|\[object/);
});

test("a page has the platform's script, or its own, which includes that", () => {
  const scriptOf = (page: string) => tagsOf(page).filter((tag) => tag.startsWith("<script"));
  const tag = (path: string) => `<script type="module" src="${path}">`;
  expect(scriptOf(render())).toEqual([tag("/static/page.js")]);
  const script = "/static/notes/page.js";
  expect(scriptOf(render(SESSION, { script }))).toEqual([tag(script)]);
});

test("the first link skips to where the page asks for", () => {
  const page = render(SESSION, { skip: { href: "#notes", label: "Skip to your notes" } });
  expect(page.indexOf('href="#notes"')).toBeLessThan(page.indexOf("<header"));
  expect(render()).not.toContain('class="skip"');
});
