import type { Clip, ClipUrl } from "../wire.ts";
import { element, icon, instanceMark, prefersStillness } from "./element.ts";
import { formatDuration, type Order } from "./order.ts";

export interface LibraryDeps {
  /** The list that the cards go into. */
  readonly list: HTMLUListElement;
  readonly clips: readonly Clip[];
  readonly onToggle: (id: string) => void;
  /** The visitor asks again for a clip that could not be loaded. */
  readonly onRetry: (id: string) => void;
}

/** The grid of clips to choose from. */
export interface Library {
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

/** Milliseconds that a pointer rests on a card before its clip begins to move. */
const PREVIEW_DELAY = 180;

export function createLibrary({ list, clips, onToggle, onRetry }: LibraryDeps): Library {
  const cards = new Map(clips.map((clip) => [clip.id, createCard(clip, onToggle)]));
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
      card.frame.dataset.url = source.url;
      showPoster(card.frame, source.poster_url);
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

function createCard(clip: Clip, onToggle: (id: string) => void): Card {
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
  previewOnHover(button, frame);
  const meta = element("p", { class: "meta soft" }, duration(clip), "Loading…");
  const item = element("li", { class: "card waiting", "data-clip": clip.id }, button, about, meta);
  return { item, button, frame, badge, meta };
}

function duration(clip: Clip): HTMLSpanElement {
  return element("span", {}, formatDuration(clip.duration));
}

/** Puts a poster into a frame, in place of an earlier one only when it has come. */
export function showPoster(frame: HTMLElement, url: string): void {
  const poster = element("img", { src: url, alt: "", draggable: "false" });
  const put = () => frame.querySelector("img")?.replaceWith(poster);
  poster.addEventListener("load", () => poster.classList.add("there"));
  if (frame.querySelector("img") === null) frame.append(poster);
  else poster.addEventListener("load", put);
}

/** Moves the clip in its frame while a mouse rests on it, unless stillness is asked for. */
function previewOnHover(button: HTMLElement, frame: HTMLElement): void {
  let timer = 0;
  let video: HTMLVideoElement | undefined;
  const stop = () => {
    clearTimeout(timer);
    video?.remove();
    video?.removeAttribute("src");
    video = undefined;
  };
  const begin = () => {
    const { url } = frame.dataset;
    if (url === undefined) return;
    video = element("video", { tabindex: "-1", playsinline: "", "aria-hidden": "true" });
    const made = video;
    Object.assign(made, { muted: true, loop: true, src: url });
    made.addEventListener("playing", () => made.classList.add("there"));
    frame.append(made);
    made.play().catch(stop);
  };
  button.addEventListener("pointerenter", ({ pointerType }) => {
    if (pointerType === "mouse" && !prefersStillness()) {
      timer = window.setTimeout(begin, PREVIEW_DELAY);
    }
  });
  button.addEventListener("pointerleave", stop);
}
