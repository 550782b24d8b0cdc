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

/** All tags of a page. */
function tagsOf(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? [];
}

/** A page without texts and attribute values. */
function markupOf(page: string): string {
  return page.replace(/>[^<]*</g, "><").replace(/="[^"]*"/g, "");
}

/** The value of an attribute of the first tag that contains a text. */
function attribute(page: string, tag: string, name: string): string | undefined {
  const found = tagsOf(page).find((written) => written.includes(tag));
  return new RegExp(` ${name}="([^"]*)"`).exec(found ?? "")?.[1];
}

test("the CSRF token is in a meta element and in the sign-out forms", () => {
  const page = render();
  expect(attribute(page, 'name="csrf-token"', "content")).toBe(SESSION.csrf_token);
  expect(attribute(page, 'name="_csrf"', "value")).toBe(SESSION.csrf_token);
  expect(attribute(page, 'id="sign-out"', "method")).toBe("post");
  expect(attribute(page, 'id="sign-out"', "action")).toBe("/logout");
});

test("the user's address is shown, and the provider's ID of the user is in a meta element", () => {
  const page = render();
  expect(page).toContain(`>${SESSION.user_email}<`);
  expect(attribute(page, 'name="user"', "content")).toBe(SESSION.user_id);
});

test("any user ID and address are escaped: they add no tag and end no attribute", () => {
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

test("a user without an e-mail address has a page too", () => {
  const page = render({ user_id: "1", csrf_token: "c" });
  expect(page).not.toMatch(/undefined|null|\[object/);
});

test("a page has the platform's script, or its own in its place", () => {
  const scriptOf = (page: string) => tagsOf(page).filter((tag) => tag.startsWith("<script"));
  const tag = (path: string) => `<script type="module" src="${path}">`;
  expect(scriptOf(render())).toEqual([tag("/static/page.js")]);
  const script = "/static/notes/page.js";
  expect(scriptOf(render(SESSION, { script }))).toEqual([tag(script)]);
});

test("the first link is the page's skip link", () => {
  const page = render(SESSION, { skip: { href: "#notes", label: "Skip to your notes" } });
  expect(page.indexOf('href="#notes"')).toBeLessThan(page.indexOf("<header"));
  expect(render()).not.toContain('class="skip"');
});
