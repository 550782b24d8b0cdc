import { watchSession } from "../../http/page/session.ts";
import { createApi, RefusedError } from "./api.ts";
import { createDrafts } from "./draft.ts";
import { byId, element, icon } from "./element.ts";
import { announce, hideNotice, showNotice } from "./notice.ts";
import type { Order } from "./order.ts";
import { createSaver, type SavingState } from "./saver.ts";
import { openStudio, type Studio } from "./studio.ts";

const SIGN_IN = "/login?returnTo=/reel-maker";

/** Milliseconds for which a tab may be hidden before it fetches the reel again. */
const STALE = 30_000;

let studio: Studio | undefined;
let sessionOver = false;
let signedOut = false;
/** A reel that another tab saved before this one had loaded. */
let early: Order | undefined;

/** Each reel that the service confirmed is sent to the user's other tabs. */
const session = watchSession<Order>({
  onSignOut: forget,
  onSignIn: () => sessionOver && location.reload(),
  onMessage: adopt,
});
const api = createApi({
  fetch: (path, init) => fetch(path, init),
  csrfToken: session.csrfToken,
  renewCsrfToken: session.renewCsrfToken,
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  random: Math.random,
});
const drafts = createDrafts(storage(), session.user);
const saver = createSaver({
  async save(clips) {
    await api.saveReel(clips);
    if (signedOut) return;
    drafts.write({ clips, base: clips });
    session.tell(clips);
  },
  onState: showSaving,
});
watchFreshness();
void open();

async function open(): Promise<void> {
  const parts = [byId("cards", "ul"), byId("reel", "section")];
  hideNotice();
  for (const part of parts) part.hidden = false;
  try {
    const [{ body: list }, { body: reel }] = await Promise.all([api.clips(), api.reel()]);
    const { clips, reel_limit: limit } = list;
    const saved = reel.clips;
    studio = openStudio({ api, saver, drafts, clips, limit, saved, onError: endSession });
    if (early !== undefined) studio.adopt(early);
    if (saved?.length && !saver.pending()) showSaving("saved");
  } catch (error) {
    if (!(error instanceof RefusedError || error instanceof TypeError)) throw error;
    // A reel can't be shown without the clips.
    for (const part of parts) part.hidden = true;
    if (endSession(error)) return;
    const text = error instanceof RefusedError ? error.message : "The service can’t be reached.";
    const onClick = () => void open();
    showNotice("The clips could not be loaded", text, { label: "Try again", onClick });
  }
}

function adopt(order: Order): void {
  if (studio === undefined) early = order;
  else if (!sessionOver) studio.adopt(order);
}

/** Fetches session and reel again when a tab becomes visible, and saves again when back online. */
function watchFreshness(): void {
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden) hiddenAt = performance.now();
    else if (performance.now() - hiddenAt > STALE && !sessionOver) {
      try {
        const { body } = await api.reel();
        if (body.clips !== null) adopt(body.clips);
      } catch (error) {
        endSession(error);
      }
    }
  });
  window.addEventListener("online", () => saver.retry());
}

/**
 * If the error means that the session has ended, tells the user how to continue and returns true.
 */
function endSession(error: unknown): boolean {
  if (!(error instanceof RefusedError)) return false;
  const { status, code } = error;
  if (status !== 401 && code !== "csrf_token_invalid") return false;
  // Shows the notice once, and again if the theatre was open and hid it.
  const watching = studio?.close() === true;
  if (sessionOver && !watching) return true;
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
  const over = endSession(error);
  const box = byId("saving", "p");
  box.dataset.state = over ? "kept" : state;
  if (over) box.replaceChildren("Kept on this device");
  else if (state === "saving") box.replaceChildren("Saving…");
  else if (state === "saved") box.replaceChildren(icon("check"), "Saved");
  else {
    const again = element("button", { type: "button", class: "link" }, "Try again");
    again.addEventListener("click", () => saver.retry());
    box.replaceChildren("Not saved.", again);
    announce("Your reel could not be saved. It is kept on this device.");
  }
}

/** Removes the reel from this browser. */
function forget(): void {
  signedOut = true;
  void saver.stop();
  drafts.clear();
}

/** The browser's storage; undefined if it is disabled. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
