import type { Session } from "../session/session.ts";
import { html, type Page, page } from "./html.ts";
import { PRODUCT } from "./product.ts";

/** The fields of `req.session` that the page contains. */
export type Visitor = Partial<Pick<Session, "user_id" | "user_email" | "csrf_token">>;

export interface SignedInPage extends Page {
  /**
   * Path of the page's own script. It must call `watchSession` of http/page/session.ts, which is all
   * that the default script does.
   */
  readonly script?: string;
  /** A skip link for keyboard users. */
  readonly skip?: { readonly href: string; readonly label: string };
}

/**
 * A page for signed-in users: a bar with the user's address and the sign-out buttons, and a script
 * that keeps the page in sync with the session in other tabs.
 *
 * @example
 * const body = html`<main class="content">…</main>`;
 * res.send(signedInPage(req.session, { title: "Notes", body }));
 */
export function signedInPage(
  visitor: Visitor,
  { title, head, body, script = "/static/page.js", skip }: SignedInPage,
): string {
  const { user_id, user_email, csrf_token } = visitor;
  return page({
    title,
    head: html`<meta name="csrf-token" content="${csrf_token}">
<meta name="user" content="${user_id}">
<script type="module" src="${script}"></script>
${head}`,
    body: html`${skip && html`<a class="skip" href="${skip.href}">${skip.label}</a>\n`}<header class="bar">
<a class="brand" href="/"><img src="/static/favicon.svg" alt="" width="28" height="28">${PRODUCT}</a>
<p class="user" title="${user_email}">${user_email}</p>
<form id="sign-out" method="post" action="/logout">
<input type="hidden" name="_csrf" value="${csrf_token}">
<button class="quiet">Sign out</button>
</form>
<form id="sign-out-everywhere" method="post" action="/logout/everywhere">
<input type="hidden" name="_csrf" value="${csrf_token}">
<button class="quiet"><span class="wide">Sign out </span>everywhere</button>
</form>
</header>
${body}`,
  });
}
