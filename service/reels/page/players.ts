import type { Clip } from "../wire.ts";
import type { ClipSources } from "./clipSources.ts";

/** What the video that is on does. */
export type PlayerEvent = "play" | "pause" | "playing" | "waiting" | "ended";

export interface PlayersDeps {
  /** Two: while one plays, the other loads what follows and waits at its first frame. */
  readonly videos: readonly HTMLVideoElement[];
  readonly sources: Pick<ClipSources, "get" | "renew">;
  readonly onEvent: (event: PlayerEvent) => void;
  /** The clip can't be played, `error` if no URL for it could be had. Loading it again may help. */
  readonly onFailure: (clip: Clip, error?: unknown) => void;
}

/** Videos that take turns, so that clip follows clip without a gap. */
export interface Players {
  /** The video that is on. */
  current(): HTMLVideoElement | undefined;
  /** Loads a clip beside the one that is on, so that it starts at once. */
  prepare(clip: Clip): void;
  /** Puts a clip on, from its beginning; undefined if there is no video for it. */
  start(clip: Clip): HTMLVideoElement | undefined;
  /** Goes on where the video that is on was paused. */
  resume(): void;
  /** Takes the video that is on away; what is loaded stays. */
  stop(): void;
}

/** A video and what is in it. */
interface Player {
  readonly video: HTMLVideoElement;
  /** Undefined: nothing, or what failed. */
  clip: Clip | undefined;
  renewals: number;
}

/** New URLs that are asked for before a clip counts as one that can't be played. */
const MAX_RENEWALS = 2;

const EVENTS: readonly PlayerEvent[] = ["play", "pause", "playing", "waiting", "ended"];

export function createPlayers({ videos, sources, onEvent, onFailure }: PlayersDeps): Players {
  const players = videos.map((video): Player => ({ video, clip: undefined, renewals: 0 }));
  let on: Player | undefined;

  /** The player that has a clip; if none has, one that is not on begins to load it. */
  function load(clip: Clip): Player | undefined {
    const loaded = players.find((player) => player.clip?.id === clip.id);
    if (loaded !== undefined) return loaded;
    const free = players.find((player) => player !== on);
    if (free === undefined) return undefined;
    free.clip = clip;
    free.renewals = 0;
    // Back to the beginning, which only loading anew does.
    free.video.removeAttribute("src");
    free.video.load();
    void give(free, clip, () => sources.get(clip.id));
    return free;
  }

  async function give(
    player: Player,
    clip: Clip,
    source: () => ReturnType<ClipSources["get"]>,
  ): Promise<void> {
    const { video } = player;
    try {
      const { url, poster_url } = await source();
      if (player.clip !== clip) return;
      const at = video.currentTime;
      video.poster = poster_url;
      video.src = url;
      video.currentTime = at;
      if (player === on) void play(video);
    } catch (error) {
      if (player.clip !== clip) return;
      player.clip = undefined;
      onFailure(clip, error);
    }
  }

  async function play(video: HTMLVideoElement): Promise<void> {
    if (!video.hasAttribute("src")) return;
    try {
      await video.play();
    } catch (error) {
      // Interrupted by another clip, or its file failed, which has an event of its own.
      if (error instanceof DOMException && error.name === "NotAllowedError") onEvent("pause");
    }
  }

  /** A file that fails may be one whose URL has run out: a new one mends that. */
  function recover(player: Player): void {
    const { clip, video } = player;
    if (clip === undefined || !video.hasAttribute("src")) return;
    if (player.renewals < MAX_RENEWALS) {
      player.renewals++;
      void give(player, clip, () => sources.renew(clip.id));
      return;
    }
    player.clip = undefined;
    onFailure(clip);
  }

  function putOn(next: Player | undefined): void {
    on = next;
    for (const player of players) {
      player.video.classList.toggle("on", player === next);
      if (player !== next) player.video.pause();
    }
  }

  for (const player of players) {
    const { video } = player;
    // The attribute alone does not mute a video that a script starts.
    video.muted = true;
    for (const event of EVENTS) {
      video.addEventListener(event, () => player === on && onEvent(event));
    }
    video.addEventListener("error", () => recover(player));
  }

  return {
    current: () => on?.video,
    prepare: (clip) => void load(clip),
    start(clip) {
      const player = load(clip);
      if (player === undefined) return undefined;
      const { video } = player;
      putOn(player);
      if (video.currentTime > 0) video.currentTime = 0;
      void play(video);
      return video;
    },
    resume: () => on && void play(on.video),
    stop: () => putOn(undefined),
  };
}
