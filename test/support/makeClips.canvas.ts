export const WIDTH = 640;
export const HEIGHT = 360;
export const ASPECT = WIDTH / HEIGHT;

export const TAU = 2 * Math.PI;

/** Red, green and blue, 0..1 each, as they are shown (sRGB). */
export type Color = readonly [number, number, number];

/** `#rrggbb` as a colour. */
export function hex(code: string): Color {
  const value = Number.parseInt(code.slice(1), 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

/** A picture that scenes draw on: 640x360, three floats for each pixel, origin at the top left. */
export class Canvas {
  readonly pixels = new Float32Array(WIDTH * HEIGHT * 3);

  /** Asks `shade` for each pixel; x runs from -16/9 to 16/9, y from -1 (bottom) to 1 (top). */
  shade(shade: (x: number, y: number, out: Float32Array) => void): void {
    const out = new Float32Array(3);
    for (let row = 0; row < HEIGHT; row++) {
      const y = 1 - (2 * row + 1) / HEIGHT;
      for (let column = 0; column < WIDTH; column++) {
        shade(((2 * column + 1) / WIDTH - 1) * ASPECT, y, out);
        this.pixels.set(out, (row * WIDTH + column) * 3);
      }
    }
  }

  /** Fills with a vertical gradient. */
  gradient(top: Color, bottom: Color): void {
    this.shade((_x, y, out) => mixInto(out, bottom, top, (y + 1) / 2));
  }

  /** Draws a disc with a soft edge; `x`, `y`, `radius` in pixels. */
  disc(x: number, y: number, radius: number, color: Color, alpha = 1): void {
    this.#each(x, y, radius + 1, (distance, at) => {
      this.#blend(at, color, alpha * clamp(radius + 0.5 - distance));
    });
  }

  /** Adds light that falls off like a bell; `radius` is where it is all but gone, in pixels. */
  glow(x: number, y: number, radius: number, color: Color, strength = 1): void {
    this.#each(x, y, radius, (distance, at) => {
      const fall = 1 - (distance / radius) ** 2;
      if (fall > 0) this.#add(at, color, strength * fall ** 3);
    });
  }

  /** Adds light to one column as a thin vertical bell around `y`. */
  stroke(column: number, y: number, width: number, color: Color, strength: number): void {
    const reach = width * 2.5;
    for (let row = Math.max(0, Math.ceil(y - reach)); row <= y + reach && row < HEIGHT; row++) {
      const light = strength * Math.exp(-(((row - y) / width) ** 2));
      this.#add((row * WIDTH + column) * 3, color, light);
    }
  }

  #each(x: number, y: number, reach: number, draw: (distance: number, at: number) => void): void {
    const [left, right] = [Math.max(0, Math.floor(x - reach)), Math.min(WIDTH - 1, x + reach)];
    const [top, bottom] = [Math.max(0, Math.floor(y - reach)), Math.min(HEIGHT - 1, y + reach)];
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        draw(Math.hypot(column - x, row - y), (row * WIDTH + column) * 3);
      }
    }
  }

  #blend(at: number, color: Color, alpha: number): void {
    for (const channel of [0, 1, 2] as const) {
      const under = this.pixels[at + channel] ?? 0;
      this.pixels[at + channel] = under + (color[channel] - under) * alpha;
    }
  }

  #add(at: number, color: Color, strength: number): void {
    for (const channel of [0, 1, 2] as const) {
      const under = this.pixels[at + channel] ?? 0;
      this.pixels[at + channel] = under + color[channel] * strength;
    }
  }

  /** The picture as three bytes for each pixel. */
  toBytes(): Buffer {
    return Buffer.from(Uint8ClampedArray.from(this.pixels, (value) => value * 255));
  }
}

export function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** 0 below `from`, 1 above `to`, smooth between. */
export function smooth(from: number, to: number, value: number): number {
  const part = clamp((value - from) / (to - from));
  return part * part * (3 - 2 * part);
}

export function mixInto(out: Float32Array, from: Color, to: Color, part: number): void {
  out[0] = from[0] + (to[0] - from[0]) * part;
  out[1] = from[1] + (to[1] - from[1]) * part;
  out[2] = from[2] + (to[2] - from[2]) * part;
}

/** The colour at `part` (0..1) of evenly spaced colours. */
export function ramp(colors: readonly Color[], part: number): Color {
  const place = clamp(part) * (colors.length - 1);
  const index = Math.min(Math.floor(place), colors.length - 2);
  const [from, to] = [colors[index], colors[index + 1]];
  if (from === undefined || to === undefined)
    throw new RangeError("a ramp has two colours or more");
  const rest = place - index;
  return [
    from[0] + (to[0] - from[0]) * rest,
    from[1] + (to[1] - from[1]) * rest,
    from[2] + (to[2] - from[2]) * rest,
  ];
}

/** Random numbers (0..1) that are the same in every run (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
