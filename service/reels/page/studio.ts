import type { Clip } from "../wire.ts";
import type { Api } from "./api.ts";
import { createClipSources } from "./clipSources.ts";
import { chooseStart, type Drafts } from "./draft.ts";
import { byId } from "./element.ts";
import { createLibrary, showPoster } from "./library.ts";
import { announce } from "./notice.ts";
import { formatDuration, move, type Order, sameOrder, toggle } from "./order.ts";
import { createRows } from "./rows.ts";
import type { Saver } from "./saver.ts";
import { createTheatre } from "./theatre.ts";

interface StudioDeps {
  readonly api: Api;
  readonly saver: Saver;
  readonly drafts: Drafts;
  readonly clips: readonly Clip[];
  /** Most clips in a reel. */
  readonly limit: number;
  /** The session's reel; null if it has none yet. */
  readonly saved: Order | null;
  /** Called when a clip's URL could not be fetched, for example because the session has ended. */
  readonly onError: (error: unknown) => void;
}

/** Times that a clip's URL is renewed because its poster failed to load. */
const MAX_RENEWALS = 3;

/** The part of the page in which a reel is made, once the clips are loaded. */
export interface Studio {
  /** Shows a reel that was saved in another tab or browser, unless this one has unsaved changes. */
  adopt(order: Order): void;
  /** Closes the theatre; false if it was closed. */
  close(): boolean;
}

export function openStudio(deps: StudioDeps): Studio {
  const { api, saver, drafts, limit, saved, onError } = deps;
  const clips = new Map(deps.clips.map((clip) => [clip.id, clip]));
  const titleOf = (id: string) => clips.get(id)?.title ?? id;
  const known = (ids: Order) => ids.filter((id) => clips.has(id)).slice(0, limit);
  const instances = new Map<string, string>();
  const renewed = new Map<string, number>();
  const preview = byId("preview", "button");
  let order: Order = [];

  const sources = createClipSources({
    api,
    uptime: () => performance.now() / 1000,
    onSource(id, source) {
      instances.set(id, source.instance);
      library.showSource(id, source);
      rows.showSource(id);
      showServed();
      if (id === order[0]) preparePlayer();
    },
  });
  const library = createLibrary({
    list: byId("cards", "ul"),
    clips: deps.clips,
    onToggle(id) {
      if (order.length >= limit && !order.includes(id)) {
        announce(`A reel has at most ${limit} clips.`);
        return;
      }
      change(toggle(order, id));
      const place = order.indexOf(id) + 1;
      announce(`${titleOf(id)} ${place > 0 ? `is number ${place} of your reel` : "is removed"}.`);
    },
    onRetry: (id) => void loadSource(id),
    sourceOf: sources.get,
    onPosterFailure: renewPoster,
  });
  const rows = createRows({
    list: byId("rows", "ol"),
    clips,
    sources,
    onMove(id, to) {
      change(move(order, id, to));
      announce(`${titleOf(id)} is now number ${order.indexOf(id) + 1} of ${order.length}.`);
    },
    onRemove(id) {
      change(toggle(order, id));
      announce(`${titleOf(id)} is removed.`);
    },
    onPosterFailure: renewPoster,
  });
  const theatre = createTheatre({ sources, onError });

  function change(next: Order): void {
    drafts.write({ clips: next, base: saver.confirmed() });
    show(next);
    saver.set(next);
  }

  function show(next: Order): void {
    order = next;
    library.showOrder(order);
    rows.showOrder(order);
    showLength();
    preparePlayer();
  }

  function showLength(): void {
    const seconds = order.reduce((sum, id) => sum + (clips.get(id)?.duration ?? 0), 0);
    const count = order.length === 1 ? "1 clip" : `${order.length} clips`;
    const length = `${count} · ${formatDuration(seconds)}`;
    byId("reel-waiting", "div").hidden = true;
    preview.hidden = order.length === 0;
    byId("empty", "div").hidden = order.length > 0;
    byId("dock", "div").hidden = order.length === 0;
    byId("length", "span").textContent = length;
    byId("dock-length", "span").textContent = length;
  }

  function preparePlayer(): void {
    const first = clips.get(order[0] ?? "");
    theatre.prepare(first);
    const frame = preview.firstElementChild;
    if (first === undefined || !(frame instanceof HTMLElement)) return;
    frame.style.backgroundColor = first.color;
    if (frame.dataset.clip !== first.id) frame.replaceChildren();
    frame.dataset.clip = first.id;
    const source = sources.peek(first.id);
    if (source) showPoster(frame, source.poster_url, () => renewPoster(first.id));
  }

  async function loadSource(id: string, source = sources.get): Promise<void> {
    try {
      await source(id);
    } catch (error) {
      library.showFailure(id);
      onError(error);
    }
  }

  /** Renews the URL of a poster that failed, since it may have expired; gives up after a while. */
  function renewPoster(id: string): void {
    const times = (renewed.get(id) ?? 0) + 1;
    renewed.set(id, times);
    if (times <= MAX_RENEWALS) void loadSource(id, sources.renew);
  }

  function showServed(): void {
    const count = new Set(instances.values()).size;
    const by = count === 1 ? "one instance" : `${count} instances`;
    byId("served", "p").textContent = `${clips.size} clips, served by ${by}.`;
  }

  const play = () => theatre.open(order.flatMap((id) => clips.get(id) ?? []));
  preview.addEventListener("click", play);
  byId("dock-play", "button").addEventListener("click", play);
  hideDockBeside(byId("reel", "section"));

  const start = chooseStart(saved, drafts.read());
  saver.confirm(saved ?? []);
  show(known(start.clips));
  if (start.restored) {
    change(order);
    announce("Your reel is back as you left it.");
  }
  for (const id of clips.keys()) void loadSource(id);

  return {
    adopt(next) {
      if (saver.pending() || sameOrder(next, order)) return;
      saver.confirm(next);
      drafts.write({ clips: next, base: next });
      show(known(next));
    },
    close: theatre.close,
  };
}

/** Hides the dock, which links to the reel, while the reel is visible. */
function hideDockBeside(reel: HTMLElement): void {
  const dock = byId("dock", "div");
  new IntersectionObserver(([entry]) => {
    dock.classList.toggle("idle", entry?.isIntersecting === true);
  }).observe(reel);
}
