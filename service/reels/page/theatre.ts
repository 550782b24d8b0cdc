import type { Clip } from "../wire.ts";
import type { ClipSources } from "./clipSources.ts";
import { byId, element, icon, instanceMark } from "./element.ts";

export interface TheatreDeps {
  readonly sources: ClipSources;
  /** A clip's URL can't be had. */
  readonly onError: (error: unknown) => void;
}

/** Plays a reel over the page. */
export interface Theatre {
  open(reel: readonly Clip[]): void;
  close(): void;
  /** Loads what would be played first, so that it starts at once. */
  prepare(first: Clip | undefined): void;
}

/** New URLs that are asked for before a clip counts as one that can't be played. */
const MAX_RENEWALS = 2;

/**
 * Two videos take turns: while one plays, the other loads the next clip and waits at its first
 * frame, so that clip follows clip without a gap.
 */
export function createTheatre({ sources, onError }: TheatreDeps): Theatre {
  const dialog = byId("theatre", "dialog");
  const [screen, segments, stalled] = [
    byId("screen", "div"),
    byId("segments", "div"),
    byId("stalled", "div"),
  ];
  const [toggle, full] = [byId("toggle", "button"), byId("full", "button")];
  const videos = Array.from(screen.querySelectorAll("video"));
  let reel: readonly Clip[] = [];
  let index = 0;
  let ended = false;

  const video = (clip: Clip) => videos.find(({ dataset }) => dataset.clip === clip.id);
  const current = () => videos.find(({ classList }) => classList.contains("on"));

  /** Has a clip loaded by the video that is not on, unless one of them has it already. */
  function load(clip: Clip): HTMLVideoElement | undefined {
    const loaded = video(clip);
    if (loaded !== undefined) return loaded;
    const free = videos.find(({ classList }) => !classList.contains("on"));
    if (free === undefined) return undefined;
    free.dataset.clip = clip.id;
    free.dataset.renewals = "0";
    // Back to the beginning, which only loading anew does.
    free.removeAttribute("src");
    free.load();
    void give(free, clip, () => sources.get(clip.id));
    return free;
  }

  async function give(
    target: HTMLVideoElement,
    clip: Clip,
    source: () => ReturnType<ClipSources["get"]>,
  ): Promise<void> {
    try {
      const { url, poster_url } = await source();
      if (target.dataset.clip !== clip.id) return;
      const at = target.currentTime;
      target.poster = poster_url;
      target.src = url;
      target.currentTime = at;
      if (target === current() && dialog.open && !ended) void play(target);
    } catch (error) {
      if (target.dataset.clip !== clip.id) return;
      target.dataset.clip = "";
      if (dialog.open && clip === reel[index]) showStalled(clip);
      onError(error);
    }
  }

  async function play(target: HTMLVideoElement): Promise<void> {
    if (!target.hasAttribute("src")) return;
    try {
      await target.play();
    } catch (error) {
      // Interrupted by another clip, or its file failed, which has an event of its own.
      if (error instanceof DOMException && error.name === "NotAllowedError") showToggle();
    }
  }

  function show(next: number): void {
    const clip = reel[next];
    if (clip === undefined) return;
    const target = load(clip);
    if (target === undefined) return;
    index = next;
    ended = false;
    stalled.hidden = true;
    for (const other of videos) {
      other.classList.toggle("on", other === target);
      if (other !== target) other.pause();
    }
    if (target.currentTime > 0) target.currentTime = 0;
    showNow(clip);
    screen.classList.toggle("busy", target.readyState < HTMLMediaElement.HAVE_CURRENT_DATA);
    void play(target);
    const following = reel[next + 1];
    if (following !== undefined) load(following);
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
    const paused = current()?.paused !== false;
    const [name, label] = ended
      ? ["again", "Play again"]
      : paused
        ? ["play", "Play"]
        : ["pause", "Pause"];
    toggle.replaceChildren(icon(name));
    toggle.setAttribute("aria-label", label);
  }

  function showStalled(clip: Clip): void {
    screen.classList.remove("busy");
    const again = element("button", { type: "button", class: "button" }, "Try again");
    again.addEventListener("click", () => {
      toggle.focus();
      show(index);
    });
    stalled.replaceChildren(element("p", {}, `${clip.title} can’t be played right now.`), again);
    stalled.hidden = false;
  }

  function pauseOrPlay(): void {
    const target = current();
    if (ended) show(0);
    else if (target?.paused) void play(target);
    else target?.pause();
  }

  function trackProgress(): void {
    const target = current();
    if (!dialog.open || target === undefined) return;
    if (!ended && target.duration > 0) {
      setProgress(segments.children[index], target.currentTime / target.duration);
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
    if (first !== undefined && reel.length > 1) load(first);
  }

  function recover(target: HTMLVideoElement): void {
    const clip = reel.find(({ id }) => id === target.dataset.clip);
    const renewals = Number(target.dataset.renewals);
    if (clip === undefined || !target.hasAttribute("src")) return;
    if (renewals < MAX_RENEWALS) {
      target.dataset.renewals = String(renewals + 1);
      void give(target, clip, () => sources.renew(clip.id));
      return;
    }
    target.dataset.clip = "";
    if (target === current()) showStalled(clip);
  }

  for (const target of videos) {
    // The attribute alone does not mute a video that a script starts.
    target.muted = true;
    const whenOn = (act: () => void) => () => {
      if (target === current()) act();
    };
    target.addEventListener("ended", whenOn(finish));
    target.addEventListener("play", whenOn(showToggle));
    target.addEventListener("pause", whenOn(showToggle));
    target.addEventListener(
      "playing",
      whenOn(() => screen.classList.remove("busy")),
    );
    target.addEventListener(
      "waiting",
      whenOn(() => screen.classList.add("busy")),
    );
    target.addEventListener("error", () => recover(target));
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
    for (const target of videos) target.pause();
    current()?.classList.remove("on");
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
    close: () => dialog.close(),
    prepare(first) {
      if (first !== undefined && !dialog.open) load(first);
    },
  };
}
