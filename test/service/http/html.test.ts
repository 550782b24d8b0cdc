import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Html, html, messagePage, page } from "../../../service/http/html.ts";
import { PRODUCT } from "../../../service/http/product.ts";
import { anyText } from "../../support/arbitraries.ts";

/** Decodes entities as a browser does. */
function textOf(markup: string): string {
  const characters = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
  return markup.replace(
    /&(lt|gt|quot|#39|amp);/g,
    (_, name: keyof typeof characters) => characters[name],
  );
}

const hostileText = fc.string({ unit: fc.constantFrom(..."&<>\"';#39ltgtampquot /=`") });

test("any inserted text is escaped, in an element and in an attribute", () => {
  fc.assert(
    fc.property(fc.oneof(anyText(), hostileText), (text) => {
      const markup = html`${text}`.toString();
      expect(markup).not.toMatch(/[<>"']|&(?!(?:lt|gt|quot|#39|amp);)/);
      expect(textOf(markup)).toBe(text);
    }),
  );
  const hostile = `"><script>alert('1')</script>&amp;`;
  expect(html`<a title="${hostile}">${hostile}</a>`.toString().match(/<[^>]*>/g)).toHaveLength(2);
});

test("inserted markup is not escaped, in lists either", () => {
  const items = ["a", "<b>", html`<c>`, ["d", [html`<e>`]]];
  expect(html`<ul>${items}</ul>`.toString()).toBe("<ul>a&lt;b&gt;<c>d<e></ul>");
});

test("undefined and false render as nothing, and numbers as digits", () => {
  expect(html`[${undefined}${false}${[]}${""}${0}${1.5}]`.toString()).toBe("[01.5]");
});

test("an object that only looks like markup is escaped", () => {
  const fake = { toString: () => "<b>", markup: "<b>" } as unknown as Html;
  expect(html`${fake}`.toString()).toBe("&lt;b&gt;");
  expect(html`${new Html("<b>")}`.toString()).toBe("<b>");
});

test("a page has a title and a language, and loads files of this origin only", () => {
  const text = page({ title: "<Notes>", body: html`<main></main>`, head: html`<meta name="x">` });
  expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(text).toContain(`<title>&lt;Notes&gt; &middot; ${PRODUCT}</title>`);
  expect(text).toContain('<meta name="x">');
  expect(text).not.toMatch(/(?:href|src)="(?!\/static\/)/);
});

test("a message page has a heading, paragraphs and a link", () => {
  const text = messagePage({
    title: "Over",
    text: ["It is <over>.", html`<code>so</code>`],
    link: { href: '/?a="b"', label: "Back & on" },
  });
  expect(text).toContain("<h1>Over</h1>");
  expect(text).toContain("<p>It is &lt;over&gt;.</p>");
  expect(text).toContain("<p><code>so</code></p>");
  expect(text).toContain('<a class="button" href="/?a=&quot;b&quot;">Back &amp; on</a>');
  expect(messagePage({ title: "Over", text: [] })).not.toContain("<a ");
});
