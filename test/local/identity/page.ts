import { createHash } from "node:crypto";
import { Html, html } from "../../../service/http/html.ts";
import type { LocalUser } from "./users.ts";

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: light-dark(#f3f4f7, #14161b); color: light-dark(#1b1e25, #eceef2); }
main { box-sizing: border-box; width: min(26rem, 100% - 2rem); margin: 1rem; padding: 2rem; border-radius: 1rem; background: light-dark(#fff, #1f222a); box-shadow: 0 .5rem 2rem #0002; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; }
p { margin: 0 0 1.5rem; color: light-dark(#565c6b, #a9afbd); }
ul { list-style: none; margin: 0 0 1.5rem; padding: 0; display: grid; gap: .75rem; }
button { font: inherit; color: inherit; cursor: pointer; border-radius: .75rem; border: 1px solid light-dark(#d3d7e0, #3c414e); background: none; }
button:hover { border-color: light-dark(#3d5afe, #8c9eff); }
button:focus-visible { outline: 3px solid light-dark(#3d5afe, #8c9eff); outline-offset: 2px; }
.user { display: block; width: 100%; padding: .75rem 1rem; text-align: start; }
.user b, .user span { display: block; }
.user span { font-size: .875rem; color: light-dark(#565c6b, #a9afbd); }
.cancel { padding: .5rem 1rem; }
`;

/**
 * No scripts, and nothing from other origins. No form-action, because browsers apply it to redirects
 * after a form too, and these lead to the application.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page on which users choose who they are. */
export function chooseUserPage(users: readonly LocalUser[]): string {
  return document(
    "Who are you?",
    html`<p>This sign-in runs on your machine and asks for no password.</p>
<form method="post">
<ul>
${users.map((user) => html`<li><button class="user" name="user" value="${user.id}"><b>${user.name}</b><span>${user.email}${!user.email_verified && " (not verified)"}</span></button></li>\n`)}
</ul>
<button class="cancel" name="cancel" value="cancel">Cancel</button>
</form>`,
  );
}

/** The error page, for requests that can't be sent back to the application. */
export function failurePage(error: string, description: string | undefined): string {
  return document(
    "This sign-in can't go on",
    html`<p>${error}: ${description}</p>
<p>Go back to the application and sign in again.</p>`,
  );
}

/**
 * Asks whether to end the session at the provider.
 *
 * @param form markup of oidc-provider, with the id `op.logoutForm`
 */
export function endSessionPage(form: string): string {
  return document(
    "Sign out here too?",
    html`<p>Otherwise the next sign-in does not ask who you are.</p>
${new Html(form)}
<button class="cancel" form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button class="cancel" form="op.logoutForm">Stay signed in</button>`,
  );
}

/** Confirms the end of the session, if there is no application to go back to. */
export function sessionEndedPage(): string {
  return document("You are signed out", html`<p>The next sign-in asks who you are.</p>`);
}

function document(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · local sign-in</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.toString();
}
