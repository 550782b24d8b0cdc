import { spawnSync } from "node:child_process";
import { openStage } from "./stage.ts";
import { until } from "./until.ts";

/** What is shown, in playing order. */
const REEL = ["Embers", "Aurora", "Seahorse Valley", "Silk", "Tides"];

/** A palette makes the file a third as large, and nobody sees the difference. */
const PALETTE =
  "split[all][some];[some]palettegen[palette];[all][palette]paletteuse=dither=bayer:bayer_scale=5";

/** Makes the README's picture: `node test/browser/picture.ts FILE.png`. It needs ffmpeg. */
const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("Usage: node test/browser/picture.ts FILE.png\n");
  process.exit(2);
}
await using stage = await openStage();
await using visit = await stage.visit({
  viewport: { width: 1280, height: 740 },
  deviceScaleFactor: 1.5,
  colorScheme: "light",
  reducedMotion: "reduce",
});
const { page } = visit;
await visit.begin();
await visit.choose(...REEL);
await page.mouse.move(0, 0);
await page.evaluate("document.activeElement.blur()");
await until(() => page.evaluate("[...document.images].every(({ complete }) => complete)"));
const input = await page.screenshot();
const { error, status, stderr } = spawnSync(
  "ffmpeg",
  ["-v", "error", "-y", "-i", "pipe:0", "-vf", PALETTE, "-frames:v", "1", file],
  { input },
);
if (error !== undefined || status !== 0) {
  throw new Error(`ffmpeg could not write ${file}: ${error?.message ?? stderr.toString()}`);
}
