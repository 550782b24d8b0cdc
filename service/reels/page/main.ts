import type { Clip } from "../wire.ts";
import { createApi, RefusedError } from "./api.ts";
import { createClipSources } from "./clipSources.ts";
import { chooseStart, createDrafts } from "./draft.ts";
import { byId, element, icon } from "./element.ts";
import { createLibrary } from "./library.ts";
import { announce, hideNotice, showNotice } from "./notice.ts";
import { formatDuration, move, type Order, sameOrder, toggle } from "./order.ts";
import { createRows } from "./rows.ts";
import { createSaver, type SavingState } from "./saver.ts";
import { connectTabs } from "./tabs.ts";
import { createTheatre } from "./theatre.ts";

const SIGN_IN = "/login?returnTo=/reel-maker";

/** Milliseconds that a tab may have been out of sight before it asks whether it is up to date. */
const STALE = 30_000;

const user = metaContent("user");
const api = createApi({
  fetch: (path, init) => fetch(path, init),
  csrfToken: metaContent("csrf-token"),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  random: Math.random,
});
const drafts = createDrafts(storage(), user);
const instances = new Map<string, string>();
let sessionOver = false;

const tabs = connectTabs((message) => {
  if (message.type === "signed-out") leave();
  else if (message.user !== user || (message.type === "opened" && sessionOver)) location.reload();
  else if (message.type === "saved") studio?.adopt(message.clips);
});
const saver = createSaver({
  async save(clips) {
    const { body } = await api.saveReel(clips);
    drafts.write({ clips, base: clips });
    tabs.tell({ type: "saved", user, clips: body.clips ?? clips });
  },
  onState: showSaving,
});
let studio: Studio | undefined;

/** What can be done to the reel once the clips are known. */
interface Studio {
  /** The reel was saved elsewhere. */
  adopt(order: Order): void;
}

tabs.tell({ type: "opened", user });
guardSignOut();
guardBackButton();
void open();

async function open(): Promise<void> {
  hideNotice();
  try {
    const [clips, reel] = await Promise.all([api.clips(), api.reel()]);
    studio = openStudio(clips.body.clips, clips.body.reel_limit, reel.body.clips);
  } catch (error) {
    if (endSession(error)) return;
    showNotice("The clips could not be loaded", "The service could not be reached.", {
      label: "Try again",
      onClick: () => void open(),
    });
  }
}

function openStudio(list: readonly Clip[], limit: number, saved: Order | null): Studio {
  const clips = new Map(list.map((clip) => [clip.id, clip]));
  const titleOf = (id: string) => clips.get(id)?.title ?? id;
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
    clips: list,
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
  });
  const theatre = createTheatre({
    sources,
    onError: (error) => endSession(error) && theatre.close(),
  });
  const play = () => theatre.open(order.flatMap((id) => clips.get(id) ?? []));
  byId("preview", "button").addEventListener("click", play);
  byId("dock-play", "button").addEventListener("click", play);

  function change(next: Order): void {
    drafts.write({ clips: next, base: saver.confirmed() });
    show(next);
    if (sessionOver) showSaving("failed");
    else saver.set(next);
  }

  function show(next: Order): void {
    order = next;
    library.showOrder(order);
    rows.showOrder(order);
    showReel();
    preparePlayer();
  }

  function showReel(): void {
    const seconds = order.reduce((sum, id) => sum + (clips.get(id)?.duration ?? 0), 0);
    const count = order.length === 1 ? "1 clip" : `${order.length} clips`;
    const length = `${count} · ${formatDuration(seconds)}`;
    byId("preview", "button").hidden = order.length === 0;
    byId("empty", "div").hidden = order.length > 0;
    byId("dock", "div").hidden = order.length === 0;
    byId("length", "span").textContent = length;
    byId("dock-length", "span").textContent = length;
  }

  function preparePlayer(): void {
    const first = clips.get(order[0] ?? "");
    theatre.prepare(first);
    const frame = byId("preview", "button").firstElementChild;
    if (first === undefined || !(frame instanceof HTMLElement)) return;
    const poster = sources.peek(first.id)?.poster_url;
    frame.style.backgroundColor = first.color;
    frame.replaceChildren(
      ...(poster ? [element("img", { src: poster, alt: "", class: "there" })] : []),
    );
  }

  async function loadSource(id: string): Promise<void> {
    try {
      await sources.get(id);
    } catch (error) {
      library.showFailure(id);
      endSession(error);
    }
  }

  function showServed(): void {
    const count = new Set(instances.values()).size;
    byId("served", "p").textContent =
      `${list.length} clips, served by ${count === 1 ? "one instance" : `${count} instances`}.`;
  }

  const known = (ids: Order) => ids.filter((id) => clips.has(id)).slice(0, limit);
  const start = chooseStart(saved, drafts.read());
  saver.confirm(saved ?? []);
  if (start.restored) {
    change(known(start.clips));
    announce("Your reel is back as you left it.");
  } else show(known(start.clips));
  for (const { id } of list) void loadSource(id);
  watchFreshness();

  return {
    adopt(next) {
      if (saver.pending() || sameOrder(next, order)) return;
      saver.confirm(next);
      show(known(next));
    },
  };
}

/** Looks whether session and reel are still what they were when a tab comes back into sight. */
function watchFreshness(): void {
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden) hiddenAt = performance.now();
    else if (performance.now() - hiddenAt > STALE && !sessionOver) {
      try {
        const { body } = await api.reel();
        if (body.clips !== null) studio?.adopt(body.clips);
      } catch (error) {
        endSession(error);
      }
    }
  });
  window.addEventListener("online", () => saver.retry());
}

/** Whether the error means that this page's session is over; if so, it says how to go on. */
function endSession(error: unknown): boolean {
  if (!(error instanceof RefusedError)) return false;
  const { status, code } = error;
  if (status !== 401 && code !== "csrf_token_invalid") return false;
  if (sessionOver) return true;
  sessionOver = true;
  void saver.stop();
  const kept = "Your reel is kept on this device.";
  if (status === 401) {
    const text = `${kept} Sign in again and go on where you are.`;
    showNotice("Your session has ended", text, { label: "Sign in again", href: SIGN_IN });
  } else {
    const text = `${kept} Reload the page and go on where you are.`;
    const onClick = () => location.reload();
    showNotice("You signed in again elsewhere", text, { label: "Reload", onClick });
  }
  return true;
}

function showSaving(state: SavingState, error?: unknown): void {
  const box = byId("saving", "p");
  box.dataset.state = state;
  if (state === "saving") box.replaceChildren("Saving…");
  else if (state === "saved") box.replaceChildren(icon("check"), "Saved");
  else if (sessionOver || endSession(error)) box.replaceChildren("Kept on this device");
  else {
    const again = element("button", { type: "button", class: "link" }, "Try again");
    again.addEventListener("click", () => saver.retry());
    box.replaceChildren("Not saved.", again);
    announce("Your reel could not be saved. It is kept on this device.");
  }
}

/**
 * Signing out waits for a save that is on its way: its answer would bring the session back. The
 * other tabs show nothing more.
 */
function guardSignOut(): void {
  const form = byId("sign-out", "form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tabs.tell({ type: "signed-out" });
    drafts.clear();
    await saver.stop();
    form.submit();
  });
}

/** What the back button brings up again is asked for anew, and not shown until it is. */
function guardBackButton(): void {
  window.addEventListener("pagehide", ({ persisted }) => {
    if (persisted) document.documentElement.hidden = true;
  });
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

/** Someone signed out in another tab. */
function leave(): void {
  document.documentElement.hidden = true;
  void saver.stop().then(() => location.replace("/"));
}

function metaContent(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
}

/** The browser's storage; undefined if the visitor has switched it off. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
