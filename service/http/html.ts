import { PRODUCT } from "./product.ts";

/** Markup that is inserted without escaping. */
export class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

type Content = Html | string | number | false | undefined | readonly Content[];

/**
 * Creates markup from a template. Values are escaped, unless they are markup themselves; undefined
 * and false render as nothing.
 *
 * @example
 * html`<p>${user.name}</p>${isAdmin && html`<a href="/admin">Admin</a>`}`
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(render)));
}

function render(content: Content): string {
  if (content instanceof Html) return content.toString();
  if (Array.isArray(content)) return content.map(render).join("");
  if (content === undefined || content === false) return "";
  return escapeText(String(content));
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Further elements for the head, such as scripts and styles. */
  readonly head?: Html;
}

/** A complete document in the product's layout. */
export function page({ title, body, head }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#faf6f2" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#131016" media="(prefers-color-scheme: dark)">
<title>${title} &middot; ${PRODUCT}</title>
<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
${head}
</head>
<body>
${body}
</body>
</html>
`.toString();
}

export interface Message {
  readonly title: string;
  /** Paragraphs. */
  readonly text: readonly Content[];
  /** Where the visitor can continue. */
  readonly link?: { readonly href: string; readonly label: string };
}

/** A page with a message, such as an error. */
export function messagePage({ title, text, link }: Message): string {
  return page({
    title,
    body: html`<main class="message">
<h1>${title}</h1>
${text.map((paragraph) => html`<p>${paragraph}</p>\n`)}
${link && html`<p><a class="button" href="${link.href}">${link.label}</a></p>`}
</main>`,
  });
}
