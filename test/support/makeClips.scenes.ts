import {
  ASPECT,
  type Canvas,
  type Color,
  clamp,
  HEIGHT,
  hex,
  mixInto,
  ramp,
  random,
  smooth,
  TAU,
  WIDTH,
} from "./makeClips.canvas.ts";

/** Draws one frame; `phase` runs from 0 to (not including) 1 over the clip. */
export type Draw = (canvas: Canvas, phase: number) => void;

export interface Scene {
  readonly id: string;
  readonly title: string;
  /** One sentence for who can't see the picture. */
  readonly description: string;
  readonly seconds: number;
  /** Begins the scene anew; frames are then drawn in order. */
  readonly start: () => Draw;
}

export const SCENES: readonly Scene[] = [
  {
    id: "embers",
    title: "Embers",
    description: "Glowing sparks rise through the dark.",
    seconds: 5,
    start: embers,
  },
  {
    id: "aurora",
    title: "Aurora",
    description: "Curtains of green and violet light over a ridge at night.",
    seconds: 6,
    start: aurora,
  },
  {
    id: "tides",
    title: "Tides",
    description: "Paper waves roll under a pale sun.",
    seconds: 5,
    start: tides,
  },
  {
    id: "seahorse",
    title: "Seahorse Valley",
    description: "A slow fall into the spirals of the Mandelbrot set.",
    seconds: 6,
    start: seahorse,
  },
  {
    id: "coral",
    title: "Coral",
    description: "Two liquids react and grow into a living maze.",
    seconds: 6,
    start: coral,
  },
  {
    id: "bloom",
    title: "Bloom",
    description: "Seeds of a sunflower wind into spirals and back.",
    seconds: 6,
    start: bloom,
  },
  {
    id: "orbits",
    title: "Orbits",
    description: "Moons draw golden arcs around a small sun.",
    seconds: 5,
    start: orbits,
  },
  {
    id: "ripples",
    title: "Ripples",
    description: "Rings from three drops cross on still water.",
    seconds: 4,
    start: ripples,
  },
  {
    id: "generations",
    title: "Generations",
    description: "Cells live, die and fade in a mirrored Game of Life.",
    seconds: 5,
    start: generations,
  },
  {
    id: "contours",
    title: "Contours",
    description: "The lines of a map drift as its hills rise and sink.",
    seconds: 5,
    start: contours,
  },
  {
    id: "silk",
    title: "Silk",
    description: "A ribbon of fine coloured threads turns in the air.",
    seconds: 6,
    start: silk,
  },
  {
    id: "mosaic",
    title: "Mosaic",
    description: "Tiles turn in a wave and join their arcs anew.",
    seconds: 4,
    start: mosaic,
  },
];

function embers(): Draw {
  const next = random(7);
  const sparks = Array.from({ length: 110 }, () => ({
    x: next() * WIDTH,
    start: next(),
    // Whole rounds, so that the last frame leads into the first.
    rounds: next() < 0.75 ? 1 : 2,
    sway: 10 + 34 * next(),
    turn: next() * TAU,
    size: 2 + 15 * next() ** 3,
  }));
  const hot = [hex("#fff1c9"), hex("#ffb347"), hex("#ff6a3d"), hex("#a3212f"), hex("#2a0a1e")];
  return (canvas, phase) => {
    canvas.gradient(hex("#0b0710"), hex("#32101c"));
    const breath = 0.5 + 0.06 * Math.sin(TAU * phase);
    canvas.glow(WIDTH * 0.5, HEIGHT * 1.12, 420, hex("#ff5a2a"), breath);
    for (const { x, start, rounds, sway, turn, size } of sparks) {
      const age = (start + phase * rounds) % 1;
      const left = x + sway * Math.sin(turn + TAU * age * 1.5) + 40 * age;
      const top = HEIGHT * (1.08 - 1.2 * age);
      const light = smooth(0, 0.08, age) * (1 - smooth(0.55, 1, age));
      const color = ramp(hot, age * 0.9);
      canvas.glow(left, top, size * 3.2, color, 0.5 * light);
      canvas.glow(left, top, size * 0.9 + 1.5, ramp(hot, age * 0.5), 1.2 * light);
    }
  };
}

function aurora(): Draw {
  const next = random(11);
  const stars = Array.from({ length: 70 }, () => ({
    x: next() * WIDTH,
    y: next() * HEIGHT * 0.75,
    light: 0.25 + 0.55 * next(),
  }));
  const ridge = (x: number) =>
    -0.72 + 0.13 * Math.sin(2.1 * x + 0.6) + 0.05 * Math.sin(5.3 * x) + 0.02 * Math.sin(13 * x + 1);
  const veils = [
    { base: -0.25, speed: 1, color: hex("#27e08a"), high: hex("#7a3ff0"), strength: 0.85 },
    { base: 0.02, speed: -1, color: hex("#1bb6c9"), high: hex("#c23fd6"), strength: 0.55 },
  ];
  return (canvas, phase) => {
    const time = TAU * phase;
    canvas.shade((x, y, out) => {
      mixInto(out, hex("#0f2230"), hex("#050816"), clamp(y * 0.6 + 0.5));
      for (const { base, speed, color, high, strength } of veils) {
        const edge =
          base +
          0.2 * Math.sin(1.7 * x + speed * time) +
          0.1 * Math.sin(3.9 * x - speed * time + 1.3);
        const height = y - edge;
        const rays =
          0.62 +
          0.22 * Math.sin(9 * x + 3 * Math.sin(1.5 * x + time)) +
          0.16 * Math.sin(21 * x - 2 * time + 2 * Math.sin(2 * x));
        const light = height > 0 ? Math.exp(-height * 1.9) * smooth(0, 0.07, height) : 0;
        const part = clamp(height * 0.95);
        for (const channel of [0, 1, 2] as const) {
          const tint = color[channel] + (high[channel] - color[channel]) * part;
          out[channel] = (out[channel] ?? 0) + tint * light * rays * strength;
        }
      }
    });
    for (const { x, y, light } of stars) canvas.disc(x, y, 0.9, hex("#dfe9ff"), light * 0.7);
    const sky = canvas.pixels;
    for (let column = 0; column < WIDTH; column++) {
      const crest = ((1 - ridge(((2 * column) / WIDTH - 1) * ASPECT)) / 2) * HEIGHT;
      for (let row = Math.floor(crest) - 1; row < HEIGHT; row++) {
        const cover = clamp(row - crest + 0.5);
        const at = (row * WIDTH + column) * 3;
        for (const channel of [0, 1, 2] as const) {
          const dark = [0.016, 0.028, 0.05][channel] ?? 0;
          sky[at + channel] = (sky[at + channel] ?? 0) * (1 - cover) + dark * cover;
        }
      }
    }
  };
}

function tides(): Draw {
  const layers = Array.from({ length: 7 }, (_, index) => ({
    color: ramp(
      [
        hex("#f6c9a8"),
        hex("#ef9d8b"),
        hex("#9fc7c4"),
        hex("#3f8f9c"),
        hex("#155a72"),
        hex("#0b3048"),
      ],
      index / 6,
    ),
    level: 0.3 - index * 0.2,
    swell: 0.05 + index * 0.012,
    length: 2.7 - index * 0.22,
    turn: index * 2.1,
    direction: index % 2 === 0 ? 1 : -1,
  }));
  return (canvas, phase) => {
    canvas.gradient(hex("#fbe3cf"), hex("#f7cdb4"));
    canvas.disc(WIDTH * 0.66, HEIGHT * (0.3 + 0.015 * Math.sin(TAU * phase)), 46, hex("#fff6e6"));
    const pixel = 2 / HEIGHT;
    for (const { color, level, swell, length, turn, direction } of layers) {
      const time = TAU * phase * direction;
      for (let column = 0; column < WIDTH; column++) {
        const x = ((2 * column) / WIDTH - 1) * ASPECT;
        const crest =
          level +
          swell * Math.sin(length * x + turn + time) +
          swell * 0.45 * Math.sin(2.3 * length * x - turn - time);
        for (let row = 0; row < HEIGHT; row++) {
          const y = 1 - (2 * row + 1) / HEIGHT;
          const cover = clamp((crest - y) / pixel + 0.5);
          if (cover === 0) continue;
          // A little lighter along the crest, as paper catches the light.
          const lift = 0.07 * Math.exp(-(crest - y) * 16);
          const at = (row * WIDTH + column) * 3;
          for (const channel of [0, 1, 2] as const) {
            const under = canvas.pixels[at + channel] ?? 0;
            canvas.pixels[at + channel] = under + (color[channel] + lift - under) * cover;
          }
        }
      }
    }
  };
}

function seahorse(): Draw {
  const [centerX, centerY] = [-0.743643887037151, 0.13182590420533];
  const steps = 420;
  const palette = Array.from({ length: 512 }, (_, index): Color => {
    const stops = ["#0a1030", "#1d3f8f", "#5fb3d9", "#f4efe0", "#f2a94b", "#8c2f39", "#0a1030"];
    return ramp(stops.map(hex), index / 511);
  });
  const inside = hex("#070a1c");
  const colorAt = (pointX: number, pointY: number): Color => {
    let [x, y, step] = [0, 0, 0];
    while (x * x + y * y < 256 && step < steps) {
      const keep = x * x - y * y + pointX;
      y = 2 * x * y + pointY;
      x = keep;
      step++;
    }
    if (step === steps) return inside;
    const even = step + 1 - Math.log2(Math.log2(x * x + y * y) / 2);
    return palette[Math.floor(((Math.log(even + 1) * 0.42) % 1) * 512)] ?? inside;
  };
  return (canvas, phase) => {
    const scale = 0.0105 * 0.07 ** phase;
    const turn = 0.35 * phase;
    const [cos, sin] = [Math.cos(turn) * scale, Math.sin(turn) * scale];
    const half = 0.5 / HEIGHT;
    canvas.shade((x, y, out) => {
      out.fill(0);
      for (const dx of [-half, half]) {
        for (const dy of [-half, half]) {
          const [u, v] = [x + dx, y + dy];
          const color = colorAt(centerX + u * cos - v * sin, centerY + u * sin + v * cos);
          for (const channel of [0, 1, 2] as const) {
            out[channel] = (out[channel] ?? 0) + color[channel] / 4;
          }
        }
      }
    });
  };
}

function coral(): Draw {
  // Gray-Scott: `food` is eaten by `growth`; the two rates choose the kind of pattern.
  const [width, height, feed, kill] = [214, 120, 0.0545, 0.062];
  let food = new Float32Array(width * height).fill(1);
  let growth = new Float32Array(width * height);
  const next = random(5);
  for (let seed = 0; seed < 9; seed++) {
    const [x, y] = [Math.floor(next() * width), Math.floor(next() * height)];
    for (let dy = -3; dy <= 3; dy++) {
      for (let dx = -3; dx <= 3; dx++) {
        if (dx * dx + dy * dy > 10) continue;
        const at = ((y + dy + height) % height) * width + ((x + dx + width) % width);
        food[at] = 0.5;
        growth[at] = 0.4;
      }
    }
  }
  const react = () => {
    const [newFood, newGrowth] = [new Float32Array(food.length), new Float32Array(food.length)];
    for (let y = 0; y < height; y++) {
      const [up, here, down] = [((y || height) - 1) * width, y * width, ((y + 1) % height) * width];
      for (let x = 0; x < width; x++) {
        const [left, right] = [(x || width) - 1, (x + 1) % width];
        const spread = (field: Float32Array, value: number) =>
          0.2 *
            ((field[here + left] ?? 0) +
              (field[here + right] ?? 0) +
              (field[up + x] ?? 0) +
              (field[down + x] ?? 0)) +
          0.05 *
            ((field[up + left] ?? 0) +
              (field[up + right] ?? 0) +
              (field[down + left] ?? 0) +
              (field[down + right] ?? 0)) -
          value;
        const [a, b] = [food[here + x] ?? 0, growth[here + x] ?? 0];
        const eaten = a * b * b;
        newFood[here + x] = a + spread(food, a) - eaten + feed * (1 - a);
        newGrowth[here + x] = b + 0.5 * spread(growth, b) + eaten - (kill + feed) * b;
      }
    }
    food = newFood;
    growth = newGrowth;
  };
  for (let step = 0; step < 700; step++) react();
  const sample = (x: number, y: number) => {
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [across, along] = [x - left, y - top];
    const value = (column: number, row: number) =>
      growth[((row + height) % height) * width + ((column + width) % width)] ?? 0;
    return (
      (value(left, top) * (1 - across) + value(left + 1, top) * across) * (1 - along) +
      (value(left, top + 1) * (1 - across) + value(left + 1, top + 1) * across) * along
    );
  };
  const colors = [hex("#0d2b3e"), hex("#14495a"), hex("#e2645a"), hex("#ff9d7a"), hex("#ffe0c4")];
  return (canvas) => {
    for (let step = 0; step < 26; step++) react();
    canvas.shade((x, y, out) => {
      const [column, row] = [(x / ASPECT + 1) * 0.5 * width, (1 - y) * 0.5 * height];
      const value = sample(column, row);
      const slope = sample(column - 1, row - 1) - sample(column + 1, row + 1);
      const color = ramp(colors, value * 2.6);
      for (const channel of [0, 1, 2] as const) out[channel] = color[channel] - slope * 0.55;
    });
  };
}

function bloom(): Draw {
  const golden = Math.PI * (3 - Math.sqrt(5));
  const petals = ["#5b2a86", "#b5326f", "#ec5f67", "#f7a35c", "#ffd98a"].map(hex);
  return (canvas, phase) => {
    canvas.gradient(hex("#fdf4e7"), hex("#f7e6d2"));
    const drift = 0.0032 * (1 - Math.cos(TAU * phase)) * 0.5;
    const turn = TAU * phase * 0.2;
    const count = 230;
    for (let seed = count; seed > 0; seed--) {
      const angle = seed * (golden + drift) + turn * Math.sin(Math.PI * phase);
      const far = Math.sqrt(seed / count);
      const pulse = 1 + 0.18 * Math.sin(TAU * (phase - far));
      const radius = (2.2 + 8.6 * far) * pulse;
      const color = ramp(petals, 1 - far);
      const reach = 205 * far;
      canvas.disc(
        WIDTH / 2 + reach * 1.35 * Math.cos(angle),
        HEIGHT / 2 + reach * Math.sin(angle) * 0.94,
        radius,
        color,
      );
    }
  };
}

function orbits(): Draw {
  const rings = Array.from({ length: 8 }, (_, index) => ({
    radius: 0.2 + index * 0.13,
    rounds: (index % 2 === 0 ? 1 : -1) * (index < 3 ? 2 : 1),
    turn: index * 2.4,
    tail: 1.7 + 0.5 * (index % 3),
    color: ramp([hex("#ffe9b8"), hex("#ffb65c"), hex("#ff7d6b"), hex("#b48cff")], index / 7),
  }));
  return (canvas, phase) => {
    canvas.shade((x, y, out) => {
      const [far, angle] = [Math.hypot(x, y), Math.atan2(y, x)];
      mixInto(out, hex("#1b1f45"), hex("#090b1e"), clamp(far / 1.5));
      const sun = 0.9 * Math.exp(-far * 9) + smooth(0.075, 0.063, far);
      for (const channel of [0, 1, 2] as const) {
        out[channel] = (out[channel] ?? 0) + sun * (hex("#ffd27a")[channel] ?? 0);
      }
      for (const { radius, rounds, turn, tail, color } of rings) {
        const line = Math.exp(-(((far - radius) / 0.0065) ** 2));
        if (line < 0.002) continue;
        const ahead = (turn + TAU * rounds * phase - angle) * Math.sign(rounds);
        const behind = ((ahead % TAU) + TAU) % TAU;
        const light = line * (0.1 + 0.9 * clamp(1 - behind / tail) ** 1.6);
        for (const channel of [0, 1, 2] as const) {
          out[channel] = (out[channel] ?? 0) + color[channel] * light;
        }
      }
    });
    for (const { radius, rounds, turn, color } of rings) {
      const angle = turn + TAU * rounds * phase;
      const x = (1 + (radius * Math.cos(angle)) / ASPECT) * (WIDTH / 2);
      const y = (1 - radius * Math.sin(angle)) * (HEIGHT / 2);
      canvas.glow(x, y, 20, color, 0.55);
      canvas.disc(x, y, 4.4, ramp([color, hex("#ffffff")], 0.45));
    }
  };
}

function ripples(): Draw {
  const drops = [
    { x: -0.75, y: 0.28, turn: 0, waves: 17 },
    { x: 0.62, y: -0.36, turn: 2, waves: 15 },
    { x: 0.95, y: 0.75, turn: 4.2, waves: 19 },
  ];
  const [deep, shallow, shine] = [hex("#0a2a4a"), hex("#2a8fb0"), hex("#fbe6ff")];
  return (canvas, phase) => {
    const time = TAU * phase * 2;
    canvas.shade((x, y, out) => {
      let [slopeX, slopeY, height] = [0, 0, 0];
      for (const drop of drops) {
        const [dx, dy] = [x - drop.x, y - drop.y];
        const far = Math.hypot(dx, dy) + 1e-6;
        const fade = Math.exp(-far * 0.75);
        const angle = drop.waves * far - time + drop.turn;
        height += Math.sin(angle) * fade;
        const slope = Math.cos(angle) * fade;
        slopeX += (slope * dx) / far;
        slopeY += (slope * dy) / far;
      }
      mixInto(out, deep, shallow, clamp(0.42 + 0.22 * height + 0.16 * y));
      const light = clamp(0.5 + 0.42 * (slopeY - slopeX * 0.6)) ** 6;
      for (const channel of [0, 1, 2] as const) {
        out[channel] = (out[channel] ?? 0) + shine[channel] * light * 0.62;
      }
    });
  };
}

function generations(): Draw {
  const [columns, rows, cell] = [64, 36, 10];
  const next = random(42);
  let alive = new Uint8Array(columns * rows);
  const heat = new Float32Array(columns * rows);
  for (let y = 0; y < rows / 2; y++) {
    for (let x = 0; x < columns / 2; x++) {
      const born = next() < 0.34 && x > 8 && y > 4 ? 1 : 0;
      for (const row of [y, rows - 1 - y]) {
        for (const column of [x, columns - 1 - x]) alive[row * columns + column] = born;
      }
    }
  }
  const step = () => {
    const young = new Uint8Array(alive.length);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        let around = 0;
        for (const dy of [-1, 0, 1]) {
          for (const dx of [-1, 0, 1]) {
            if (dx === 0 && dy === 0) continue;
            const [row, column] = [(y + dy + rows) % rows, (x + dx + columns) % columns];
            around += alive[row * columns + column] ?? 0;
          }
        }
        const lives = around === 3 || (around === 2 && alive[y * columns + x] === 1);
        young[y * columns + x] = lives ? 1 : 0;
      }
    }
    alive = young;
  };
  const colors = ["#12101f", "#33235e", "#8d3a8f", "#f0567a", "#ffb86b", "#fff3cf"].map(hex);
  let frame = 0;
  return (canvas) => {
    if (frame++ % 3 === 0) step();
    canvas.gradient(hex("#12101f"), hex("#12101f"));
    for (let index = 0; index < alive.length; index++) {
      const warm = heat[index] ?? 0;
      heat[index] = alive[index] === 1 ? warm + (1 - warm) * 0.45 : warm * 0.9;
      if (warm < 0.02) continue;
      const [x, y] = [
        (index % columns) * cell + cell / 2,
        Math.floor(index / columns) * cell + cell / 2,
      ];
      canvas.disc(x, y, 1.6 + 2.7 * Math.sqrt(warm), ramp(colors, warm));
    }
  };
}

function contours(): Draw {
  const land = ["#10231f", "#17382f", "#1f5140", "#33705a", "#5d967a"].map(hex);
  const line = hex("#e9f3d8");
  return (canvas, phase) => {
    const time = TAU * phase;
    const height = (x: number, y: number) => {
      const [u, v] = [x + 0.28 * Math.sin(1.9 * y + time), y + 0.28 * Math.sin(1.6 * x - time + 1)];
      return (
        0.5 +
        0.2 * Math.sin(1.8 * u + 0.7) * Math.cos(2.1 * v) +
        0.14 * Math.sin(3.1 * v + 1.4 * u + time) +
        0.1 * Math.cos(4.3 * u - 1.2 * v - time + 2)
      );
    };
    const step = 0.004;
    canvas.shade((x, y, out) => {
      const here = height(x, y);
      const steep =
        Math.hypot(height(x + step, y) - here, height(x, y + step) - here) / step + 1e-4;
      const bands = 15;
      const place = here * bands;
      const color = ramp(land, Math.floor(place) / bands);
      const index = Math.round(place);
      const strong = index % 5 === 0;
      const far = Math.abs(place - index) / (bands * steep) / (2 / HEIGHT);
      const ink = (1 - smooth(strong ? 0.8 : 0.3, strong ? 1.9 : 1.3, far)) * (strong ? 0.95 : 0.5);
      mixInto(out, color, line, ink);
    });
  };
}

function silk(): Draw {
  const threads = 54;
  const colors = ["#ff6a3d", "#ff3d77", "#a83dff", "#3d7bff", "#35d6d0"].map(hex);
  return (canvas, phase) => {
    canvas.gradient(hex("#0a0912"), hex("#0f0c1b"));
    const time = TAU * phase;
    for (let thread = 0; thread < threads; thread++) {
      const part = thread / (threads - 1);
      for (let column = 0; column < WIDTH; column++) {
        const x = column / WIDTH;
        const twist = Math.sin(TAU * 0.75 * x + time + 0.6);
        const middle =
          0.5 + 0.17 * Math.sin(TAU * 0.8 * x - time) + 0.06 * Math.sin(TAU * 1.7 * x + time);
        const spread = 0.34 * (part - 0.5) * twist + 0.05 * Math.sin(TAU * (part + x) - time);
        const light = 0.14 + 0.3 * (0.5 + 0.5 * Math.sin(TAU * (x * 0.6 + part * 0.5) - time)) ** 3;
        const tint = ramp(colors, x * 0.65 + part * 0.35);
        canvas.stroke(column, (middle + spread) * HEIGHT, 1.15, tint, light);
      }
    }
  };
}

function mosaic(): Draw {
  const size = 2 / 4;
  const [ground, arc, edge] = [hex("#f3e7d3"), hex("#c8553d"), hex("#2d3047")];
  return (canvas, phase) => {
    const pixel = 2 / HEIGHT;
    canvas.shade((x, y, out) => {
      const [column, row] = [Math.floor(x / size), Math.floor(y / size)];
      const late = (column + row + 7) / 28;
      const [first, second] = [phase * 2 - late, phase * 2 - 1 - late];
      const turns = smooth(0, 0.45, first) + smooth(0, 0.45, second);
      const start = (column * 7 + row * 13 + column * row * 3) & 1;
      const angle = (Math.PI / 2) * (turns + start);
      const [u, v] = [x / size - column - 0.5, y / size - row - 0.5];
      const [a, b] = [
        u * Math.cos(angle) - v * Math.sin(angle),
        u * Math.sin(angle) + v * Math.cos(angle),
      ];
      const far = Math.min(
        Math.abs(Math.hypot(a + 0.5, b + 0.5) - 0.5),
        Math.abs(Math.hypot(a - 0.5, b - 0.5) - 0.5),
      );
      const soft = pixel / size;
      const wide = smooth(0.2 + soft, 0.2 - soft, far);
      const narrow = smooth(0.115 + soft, 0.115 - soft, far);
      mixInto(out, ground, edge, wide);
      mixInto(out, [out[0] ?? 0, out[1] ?? 0, out[2] ?? 0], arc, narrow);
    });
  };
}
