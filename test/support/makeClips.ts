/**
 * Draws the sample clips: `node test/support/makeClips.ts [ID...]` writes service/reels/clips (needs
 * ffmpeg with libx264). Every clip is as sharp as fits in its share of the archive.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clip } from "../../service/reels/wire.ts";
import { Canvas, HEIGHT, WIDTH } from "./makeClips.canvas.ts";
import { SCENES, type Scene } from "./makeClips.scenes.ts";

const CLIPS = join(import.meta.dirname, "../../service/reels/clips");
const FRAMES_PER_SECOND = 24;
const MOST_CLIP_BYTES = 190_000;
const MOST_POSTER_BYTES = 15_000;

async function makeClip(scene: Scene, directory: string): Promise<Clip> {
  const raw = join(directory, `${scene.id}.mkv`);
  const [video, poster] = [join(CLIPS, `${scene.id}.mp4`), join(CLIPS, `${scene.id}.jpg`)];
  const color = await drawFrames(scene, raw);
  const bytes = await firstThatFits(video, MOST_CLIP_BYTES, [24, 27, 30, 32, 34, 36, 38], (crf) => [
    ...["-i", raw, "-an", "-c:v", "libx264", "-preset", "veryslow", "-crf", `${crf}`],
    ...["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709"],
    ...["-color_trc", "bt709", "-color_range", "tv", "-vf", "scale=out_color_matrix=bt709"],
    ...["-aq-mode", "3", "-g", "48", "-movflags", "+faststart", "-fflags", "+bitexact"],
    ...["-flags:v", "+bitexact", "-map_metadata", "-1"],
  ]);
  await firstThatFits(poster, MOST_POSTER_BYTES, [3, 5, 7, 9, 12, 16, 20, 26, 31], (quality) => [
    ...["-ss", `${scene.seconds * 0.55}`, "-i", raw, "-frames:v", "1", "-vf", "scale=480:270"],
    ...["-q:v", `${quality}`, "-fflags", "+bitexact", "-flags:v", "+bitexact"],
  ]);
  const { id, title, description, seconds } = scene;
  return { id, title, description, duration: seconds, width: WIDTH, height: HEIGHT, bytes, color };
}

/** Draws all frames into a lossless file; returns the mean colour of the middle frame. */
async function drawFrames(scene: Scene, path: string): Promise<string> {
  const encoder = ffmpeg([
    ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${WIDTH}x${HEIGHT}`],
    ...["-r", `${FRAMES_PER_SECOND}`, "-i", "-", "-c:v", "ffv1", path],
  ]);
  const ended = once(encoder, "exit");
  const [draw, canvas, count] = [scene.start(), new Canvas(), scene.seconds * FRAMES_PER_SECOND];
  let color = "#000000";
  for (let frame = 0; frame < count; frame++) {
    draw(canvas, frame / count);
    const bytes = canvas.toBytes();
    if (frame === Math.floor(count * 0.55)) color = meanColor(bytes);
    if (!encoder.stdin.write(bytes)) await once(encoder.stdin, "drain");
  }
  encoder.stdin.end();
  await ended;
  return color;
}

function meanColor(bytes: Uint8Array): string {
  const sums = [0, 0, 0];
  for (const [index, value] of bytes.entries()) sums[index % 3] = (sums[index % 3] ?? 0) + value;
  const mean = sums.map((sum) => Math.round((sum * 3) / bytes.length));
  return `#${mean.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** Encodes with one quality after the other until the file is small enough; returns its size. */
async function firstThatFits(
  path: string,
  most: number,
  qualities: readonly number[],
  options: (quality: number) => string[],
): Promise<number> {
  for (const quality of qualities) {
    const [code] = await once(ffmpeg([...options(quality), path]), "exit");
    if (code !== 0) throw new Error(`ffmpeg could not write ${path}`);
    const { size } = await stat(path);
    if (size <= most) {
      console.log(`${path}: ${size} bytes at ${quality}`);
      return size;
    }
  }
  throw new Error(`${path} does not fit in ${most} bytes at any quality`);
}

function ffmpeg(options: string[]) {
  const common = ["-hide_banner", "-loglevel", "error", "-y"];
  return spawn("ffmpeg", [...common, ...options], { stdio: ["pipe", "inherit", "inherit"] });
}

async function main(wanted: readonly string[]): Promise<void> {
  const list = join(CLIPS, "clips.json");
  const made = new Map<string, Clip>();
  if (wanted.length > 0) {
    const earlier: Clip[] = JSON.parse(await readFile(list, "utf8"));
    for (const clip of earlier) made.set(clip.id, clip);
  }
  const directory = await mkdtemp(join(tmpdir(), "clips-"));
  try {
    for (const scene of SCENES) {
      if (made.has(scene.id) && !wanted.includes(scene.id)) continue;
      made.set(scene.id, await makeClip(scene, directory));
    }
  } finally {
    await rm(directory, { recursive: true });
  }
  const clips = SCENES.map(({ id }) => made.get(id));
  await writeFile(list, `${JSON.stringify(clips, null, 2)}\n`);
}

await main(process.argv.slice(2));
