import type { Clip } from "../wire.ts";
import type { ClipSources } from "./clipSources.ts";

/** Events of the current video. */
type PlayerEvent = "play" | "pause" | "playing" | "waiting" | "ended";

interface PlayersDeps {
  /** Two videos: while one plays, the other preloads the next clip. */
  readonly videos: readonly HTMLVideoElement[];
  readonly sources: Pick<ClipSources, "get" | "renew">;
  readonly onEvent: (event: PlayerEvent) => void;
  /** Called when a clip can't be played; with `error` if its URL could not be fetched. */
  readonly onFailure: (clip: Clip, error?: unknown) => void;
}

/** Alternates between videos, so that clips play without a gap. */
interface Players {
  /** The current video; undefined before the first start and after `stop`. */
  current(): HTMLVideoElement | undefined;
  /** Preloads a clip in the other video. */
  prepare(clip: Clip): void;
  /** Plays a clip from its beginning; undefined if no video is free. */
  start(clip: Clip): HTMLVideoElement | undefined;
  /** Resumes the current video. */
  resume(): void;
  /** Pauses and hides the current video. Loaded clips stay loaded. */
  stop(): void;
}

/** A video and the clip that it has loaded. */
interface Player {
  readonly video: HTMLVideoElement;
  /** Undefined if no clip was loaded, or if loading failed. */
  clip: Clip | undefined;
  renewals: number;
}

/** Times that a clip's URL is renewed before the clip counts as failed. */
const MAX_RENEWALS = 2;

const EVENTS: readonly PlayerEvent[] = ["play", "pause", "playing", "waiting", "ended"];

export function createPlayers({ videos, sources, onEvent, onFailure }: PlayersDeps): Players {
  const players = videos.map((video): Player => ({ video, clip: undefined, renewals: 0 }));
  let on: Player | undefined;

  /** The player that has loaded a clip; otherwise a free player starts to load it. */
  function load(clip: Clip): Player | undefined {
    const loaded = players.find((player) => player.clip?.id === clip.id);
    if (loaded !== undefined) return loaded;
    const free = players.find((player) => player !== on);
    if (free === undefined) return undefined;
    free.clip = clip;
    free.renewals = 0;
    // Only `load` resets the position to the beginning.
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
      // Other errors: another clip interrupted this one, or the file failed, which is an `error`
      // event.
      if (error instanceof DOMException && error.name === "NotAllowedError") onEvent("pause");
    }
  }

  /** Renews the URL of a file that failed, since it may have expired. */
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
    // The attribute `muted` has no effect on a video that a script starts.
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
