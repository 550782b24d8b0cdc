import { type Html, html } from "../http/html.ts";
import { signedInPage, type Visitor } from "../http/signedInPage.ts";

interface ReelMakerPage {
  /** Number of clips, for which the page has placeholders. */
  readonly clips: number;
  /** Number of clips in the session's reel. */
  readonly chosen: number;
}

/** The reel maker's page with placeholders, which its script fills. */
export function reelMakerPage(visitor: Visitor, { clips, chosen }: ReelMakerPage): string {
  return signedInPage(visitor, {
    title: "Reel maker",
    head: html`<link rel="stylesheet" href="/static/reels/style.css">`,
    script: "/static/reels/page.js",
    skip: { href: "#reel", label: "Skip to your reel" },
    body: html`${symbols()}
<main class="studio">
<section id="library" aria-labelledby="library-title">
<header class="heading">
<div>
<h1 id="library-title">Make a reel</h1>
<p class="soft">Choose clips in the order you want to see them.</p>
</div>
<p id="served" class="soft">${clips} clips</p>
</header>
<noscript><p class="notice">The reel maker needs JavaScript. Allow it for this site and reload the page.</p></noscript>
<div id="notice" class="notice" role="alert" hidden></div>
<ul id="cards" class="cards" aria-busy="true">
${Array.from({ length: clips }, () => html`<li class="card waiting"><div class="frame"></div><p class="title"></p><p class="meta"></p></li>\n`)}
</ul>
</section>
<section id="reel" class="reel" aria-labelledby="reel-title" tabindex="-1">
<header class="heading">
<h2 id="reel-title">Your reel</h2>
<p id="saving" class="saving"></p>
</header>
<button id="preview" class="preview" type="button" hidden>
<span class="frame"></span>
<span class="play">${icon("play")}Play reel</span>
<span id="length" class="length"></span>
</button>
<div id="reel-waiting" class="waiting"${chosen === 0 && html` hidden`}>
<div class="preview"><div class="frame"></div></div>
${Array.from({ length: chosen }, () => html`<div class="row"><div class="frame"></div></div>\n`)}
</div>
<div id="empty" class="empty"${chosen > 0 && html` hidden`}>
${icon("reel")}
<div>
<p>Nothing here yet.</p>
<p>Choose a clip and it lands here.</p>
</div>
</div>
<p id="grip-help" hidden>Drag it, or press the arrow keys up and down.</p>
<ol id="rows" class="rows" aria-labelledby="reel-title"></ol>
</section>
<div id="dock" class="dock" hidden>
<a href="#reel"><strong>Your reel</strong><span id="dock-length"></span></a>
<button id="dock-play" class="button" type="button">${icon("play")}Play</button>
</div>
</main>
<p id="announcer" class="unseen" role="status"></p>
${theatre()}`,
  });
}

/** The dialog in which the reel is played. */
function theatre(): Html {
  return html`<dialog id="theatre" class="theatre" aria-labelledby="now-title">
<div id="screen" class="screen">
<video muted playsinline preload="auto" tabindex="-1"></video>
<video muted playsinline preload="auto" tabindex="-1"></video>
<div id="stalled" class="stalled" role="alert" hidden></div>
</div>
<div id="segments" class="segments"></div>
<div class="controls">
<div class="now">
<h2 id="now-title"></h2>
<p id="now-from" class="soft"></p>
</div>
<button id="previous" class="round" type="button" aria-label="Previous clip">${icon("previous")}</button>
<button id="toggle" class="round main" type="button" aria-label="Pause">${icon("pause")}</button>
<button id="next" class="round" type="button" aria-label="Next clip">${icon("next")}</button>
<button id="full" class="round" type="button" aria-label="Full screen">${icon("full")}</button>
<button id="close" class="round" type="button" aria-label="Close">${icon("close")}</button>
</div>
</dialog>`;
}

function icon(name: string): Html {
  return html`<svg class="icon" aria-hidden="true"><use href="#icon-${name}"/></svg>`;
}

/** SVG symbols of all icons; `icon` refers to them. */
function symbols(): Html {
  const shapes: Record<string, Html> = {
    play: html`<path d="M7 4.5v15l12.5-7.5z" fill="currentColor" stroke-linejoin="round"/>`,
    pause: html`<path d="M8 5v14M16 5v14" stroke-width="3.5"/>`,
    again: html`<path d="M5 12a7 7 0 1 0 2.3-5.2M5 4v4h4"/>`,
    previous: html`<path d="M18 5.5v13L8.5 12zM6 5.5v13" fill="currentColor"/>`,
    next: html`<path d="M6 5.5v13l9.5-6.5zM18 5.5v13" fill="currentColor"/>`,
    full: html`<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>`,
    close: html`<path d="M5.5 5.5l13 13M18.5 5.5l-13 13"/>`,
    up: html`<path d="M6 14.5l6-6 6 6"/>`,
    down: html`<path d="M6 9.5l6 6 6-6"/>`,
    plus: html`<path d="M12 5v14M5 12h14"/>`,
    check: html`<path d="M5 12.5l4.5 4.5L19 7.5"/>`,
    grip: html`<path d="M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01" stroke-width="3"/>`,
    reel: html`<rect x="3" y="5" width="18" height="14" rx="3"/><path d="M8 5v14M16 5v14M3 12h5M16 12h5"/>`,
  };
  return html`<svg class="unseen" aria-hidden="true">
${Object.entries(shapes).map(
  ([name, shape]) => html`<symbol id="icon-${name}" viewBox="0 0 24 24">${shape}</symbol>\n`,
)}</svg>`;
}
