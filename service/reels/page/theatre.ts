import type { Clip } from "../wire.ts";
import type { ClipSources } from "./clipSources.ts";
import { byId, element, icon, instanceMark } from "./element.ts";
import { createPlayers } from "./players.ts";

interface TheatreDeps {
  readonly sources: ClipSources;
  /** Called when a clip's URL could not be fetched. */
  readonly onError: (error: unknown) => void;
}

/** The dialog that plays a reel. */
interface Theatre {
  open(reel: readonly Clip[]): void;
  /** False if it was closed already. */
  close(): boolean;
  /** Preloads the first clip. */
  prepare(first: Clip | undefined): void;
}

/** Connects the dialog's controls to its videos. */
export function createTheatre({ sources, onError }: TheatreDeps): Theatre {
  const dialog = byId("theatre", "dialog");
  const [screen, segments, stalled] = [
    byId("screen", "div"),
    byId("segments", "div"),
    byId("stalled", "div"),
  ];
  const [toggle, full] = [byId("toggle", "button"), byId("full", "button")];
  let reel: readonly Clip[] = [];
  let index = 0;
  let ended = false;

  const players = createPlayers({
    videos: Array.from(screen.querySelectorAll("video")),
    sources,
    onEvent(event) {
      if (event === "ended") finish();
      else if (event === "playing" || event === "waiting") setBusy(event === "waiting");
      else showToggle();
    },
    onFailure(clip, error) {
      if (dialog.open && clip === reel[index]) showStalled(clip);
      if (error !== undefined) onError(error);
    },
  });

  function show(next: number): void {
    const clip = reel[next];
    if (clip === undefined) return;
    index = next;
    ended = false;
    stalled.hidden = true;
    const video = players.start(clip);
    showNow(clip);
    setBusy(video !== undefined && video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA);
    const following = reel[next + 1];
    if (following !== undefined) players.prepare(following);
  }

  function setBusy(busy: boolean): void {
    screen.classList.toggle("busy", busy && stalled.hidden !== false);
  }

  function showNow(clip: Clip): void {
    byId("now-title", "h2").textContent = clip.title;
    const source = sources.peek(clip.id);
    const place = `${index + 1} of ${reel.length}`;
    byId("now-from", "p").replaceChildren(
      element("span", {}, place),
      ...(source ? [instanceMark(source.instance)] : []),
    );
    byId("previous", "button").setAttribute("aria-disabled", String(index === 0));
    byId("next", "button").setAttribute("aria-disabled", String(index === reel.length - 1));
    for (const [at, segment] of Array.from(segments.children).entries()) {
      if (at === index) segment.setAttribute("aria-current", "true");
      else segment.removeAttribute("aria-current");
      setProgress(segment, at < index ? 1 : 0);
    }
  }

  function setProgress(segment: Element | undefined, part: number): void {
    const bar = segment?.firstElementChild;
    if (bar instanceof HTMLElement) bar.style.transform = `scaleX(${part})`;
  }

  function showToggle(): void {
    const paused = players.current()?.paused !== false;
    const [name, label] = ended
      ? ["again", "Play again"]
      : paused
        ? ["play", "Play"]
        : ["pause", "Pause"];
    toggle.replaceChildren(icon(name));
    toggle.setAttribute("aria-label", label);
  }

  function showStalled(clip: Clip): void {
    const again = element("button", { type: "button", class: "button" }, "Try again");
    again.addEventListener("click", () => {
      toggle.focus();
      show(index);
    });
    stalled.replaceChildren(element("p", {}, `${clip.title} can’t be played right now.`), again);
    stalled.hidden = false;
    setBusy(false);
  }

  function pauseOrPlay(): void {
    const video = players.current();
    if (ended) show(0);
    else if (!stalled.hidden) show(index);
    else if (video?.paused) players.resume();
    else video?.pause();
  }

  function trackProgress(): void {
    const video = players.current();
    if (!dialog.open || video === undefined) return;
    if (!ended && video.duration > 0) {
      setProgress(segments.children[index], video.currentTime / video.duration);
    }
    requestAnimationFrame(trackProgress);
  }

  function finish(): void {
    if (index < reel.length - 1) {
      show(index + 1);
      return;
    }
    ended = true;
    setProgress(segments.children[index], 1);
    showToggle();
    const first = reel[0];
    if (first !== undefined) players.prepare(first);
  }

  toggle.addEventListener("click", pauseOrPlay);
  screen.addEventListener(
    "click",
    ({ target }) => target instanceof HTMLVideoElement && pauseOrPlay(),
  );
  byId("previous", "button").addEventListener("click", () => show(index - 1));
  byId("next", "button").addEventListener("click", () => show(index + 1));
  byId("close", "button").addEventListener("click", () => dialog.close());
  full.hidden = !document.fullscreenEnabled;
  full.addEventListener("click", () => {
    const change = document.fullscreenElement
      ? document.exitFullscreen()
      : dialog.requestFullscreen();
    change.catch(() => undefined);
  });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by !== undefined) show(index + by);
    else if (event.key === " " && event.target === dialog) pauseOrPlay();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    players.stop();
    if (document.fullscreenElement) void document.exitFullscreen();
  });

  return {
    open(clips) {
      reel = clips;
      segments.replaceChildren(
        ...clips.map((clip, at) => {
          const label = `Clip ${at + 1}: ${clip.title}`;
          const segment = element(
            "button",
            { type: "button", class: "segment", "aria-label": label, title: clip.title },
            element("i", {}),
          );
          segment.style.flexGrow = String(clip.duration);
          segment.addEventListener("click", () => show(at));
          return segment;
        }),
      );
      dialog.showModal();
      toggle.focus();
      show(0);
      requestAnimationFrame(trackProgress);
    },
    close() {
      const { open } = dialog;
      dialog.close();
      return open;
    },
    prepare(first) {
      if (first !== undefined && !dialog.open) players.prepare(first);
    },
  };
}
