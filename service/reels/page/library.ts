import type { Clip, ClipUrl } from "../wire.ts";
import { element, icon, instanceMark, prefersStillness } from "./element.ts";
import { formatDuration, type Order } from "./order.ts";

interface LibraryDeps {
  /** The list that contains the cards. */
  readonly list: HTMLUListElement;
  readonly clips: readonly Clip[];
  readonly onToggle: (id: string) => void;
  /** Called when the user retries a clip that could not be loaded. */
  readonly onRetry: (id: string) => void;
  /** A URL that works now, because an earlier one may have expired. */
  readonly sourceOf: (id: string) => Promise<ClipUrl>;
  /** Called when a clip's poster fails to load. */
  readonly onPosterFailure: (id: string) => void;
}

/** The grid of clips to choose from. */
interface Library {
  showOrder(order: Order): void;
  showSource(id: string, source: ClipUrl): void;
  showFailure(id: string): void;
}

interface Card {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly frame: HTMLElement;
  readonly badge: HTMLElement;
  readonly meta: HTMLElement;
}

/** Milliseconds for which the mouse hovers over a card before its clip plays. */
const PREVIEW_DELAY = 180;

export function createLibrary(deps: LibraryDeps): Library {
  const { list, clips, onRetry, onPosterFailure } = deps;
  const cards = new Map(clips.map((clip) => [clip.id, createCard(clip, deps)]));
  list.replaceChildren(...Array.from(cards.values(), ({ item }) => item));
  list.removeAttribute("aria-busy");

  return {
    showOrder(order) {
      for (const [id, { item, button, badge }] of cards) {
        const place = order.indexOf(id);
        item.classList.toggle("chosen", place >= 0);
        button.setAttribute("aria-pressed", String(place >= 0));
        badge.replaceChildren(place >= 0 ? String(place + 1) : icon("plus"));
      }
    },

    showSource(id, source) {
      const card = cards.get(id);
      const clip = clips.find((candidate) => candidate.id === id);
      if (card === undefined || clip === undefined) return;
      card.item.classList.remove("waiting", "failed");
      card.meta.replaceChildren(duration(clip), instanceMark(source.instance));
      showPoster(card.frame, source.poster_url, () => onPosterFailure(id));
    },

    showFailure(id) {
      const card = cards.get(id);
      if (card === undefined) return;
      card.item.classList.remove("waiting");
      card.item.classList.add("failed");
      const again = element("button", { type: "button", class: "link" }, "Try again");
      again.addEventListener("click", () => {
        card.item.classList.replace("failed", "waiting");
        card.meta.replaceChildren("Loading…");
        card.button.focus();
        onRetry(id);
      });
      card.meta.replaceChildren(element("span", { class: "bad" }, "Not loaded."), again);
    },
  };
}

function createCard(clip: Clip, { onToggle, sourceOf }: LibraryDeps): Card {
  const frame = element("span", { class: "frame" });
  frame.style.backgroundColor = clip.color;
  const badge = element("span", { class: "badge", "aria-hidden": "true" }, icon("plus"));
  const about = element("span", { id: `about-${clip.id}`, hidden: "" }, clip.description);
  const button = element(
    "button",
    {
      type: "button",
      class: "pick",
      "aria-pressed": "false",
      "aria-describedby": about.id,
      title: clip.description,
    },
    frame,
    badge,
    element("span", { class: "title" }, clip.title),
  );
  button.addEventListener("click", () => onToggle(clip.id));
  previewOnHover(button, frame, () => sourceOf(clip.id));
  const meta = element("p", { class: "meta soft" }, duration(clip), "Loading…");
  const item = element("li", { class: "card waiting", "data-clip": clip.id }, button, about, meta);
  return { item, button, frame, badge, meta };
}

function duration(clip: Clip): HTMLSpanElement {
  return element("span", {}, formatDuration(clip.duration));
}

/** Shows a poster in a frame. An earlier poster stays until the new one has loaded. */
export function showPoster(frame: HTMLElement, url: string, onFailure: () => void): void {
  const earlier = frame.querySelector("img");
  if (earlier?.getAttribute("src") === url) return;
  const poster = element("img", { src: url, alt: "", draggable: "false" });
  poster.addEventListener("load", () => {
    poster.classList.add("there");
    frame.querySelector("img")?.replaceWith(poster);
  });
  poster.addEventListener("error", onFailure);
  if (earlier === null) frame.append(poster);
}

/** Plays the clip in its frame while the mouse hovers over it, unless motion is to be reduced. */
function previewOnHover(
  button: HTMLElement,
  frame: HTMLElement,
  source: () => Promise<ClipUrl>,
): void {
  let timer = 0;
  let video: HTMLVideoElement | undefined;
  const stop = () => {
    clearTimeout(timer);
    video?.remove();
    video?.removeAttribute("src");
    video = undefined;
  };
  const begin = async () => {
    const made = element("video", { tabindex: "-1", playsinline: "", "aria-hidden": "true" });
    video = made;
    made.addEventListener("playing", () => made.classList.add("there"));
    try {
      const { url } = await source();
      // The mouse may have left while the URL was requested.
      if (video !== made) return;
      Object.assign(made, { muted: true, loop: true, src: url });
      frame.append(made);
      await made.play();
    } catch {
      if (video === made) stop();
    }
  };
  button.addEventListener("pointerenter", ({ pointerType }) => {
    if (pointerType === "mouse" && !prefersStillness()) {
      timer = window.setTimeout(() => void begin(), PREVIEW_DELAY);
    }
  });
  button.addEventListener("pointerleave", stop);
}
