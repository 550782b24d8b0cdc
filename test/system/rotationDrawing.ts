/** What a run under load came to; times are seconds from its beginning. */
export interface Run {
  readonly duration: number;
  /** Requests that were answered, and with what. */
  readonly answers: readonly {
    readonly at: number;
    readonly status: number;
    readonly kid: string | undefined;
  }[];
  readonly rotations: readonly { readonly at: number; readonly kid: string }[];
  readonly kills: readonly number[];
  readonly freezes: readonly { readonly from: number; readonly to: number }[];
  /** Seconds from a rotation until its key signs. */
  readonly activationDelay: number;
}

const BIN = 0.5;
const WIDTH = 880;
const HEIGHT = 424;
const PLOT = { left: 56, right: 864, top: 134, bottom: 314 };
const REFUSED = { top: 334, bottom: 362 };
const EVENTS = 118;

/** One for each key: all are far enough from white to be written on, and from black to be seen. */
const KEY_COLORS = ["#4f5bd5", "#8a4fc8", "#c43a88", "#d4512f", "#b0700a", "#2f8558"];

const WORDS = ["No", "One", "Two", "Three", "Four", "Five", "Six"];

const STYLE = `
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#59636e}
.title{font-size:18px;font-weight:600;fill:#1f2328}
.strong{font-weight:600;fill:#1f2328}
.key{font-weight:600;fill:#fff}
.grid{stroke:#d1d9e0;stroke-width:1}
.event{stroke:#59636e;stroke-width:1;stroke-dasharray:2 3}
.mark{fill:#1f2328}
.frozen{fill:#54aeff;fill-opacity:.16}
.refused{stroke:#d1242f;stroke-width:2;fill:none}
.bad{fill:#d1242f;font-weight:600}
@media (prefers-color-scheme:dark){
text{fill:#9198a1}
.title,.strong{fill:#f0f6fc}
.key{fill:#fff}
.grid{stroke:#3d444d}
.event{stroke:#9198a1}
.mark{fill:#f0f6fc}
.refused{stroke:#ff7b72}
.bad{fill:#ff7b72}
}`;

/** Draws a run as an SVG that reads well on light and on dark pages. */
export function drawRotation(run: Run): string {
  const bins = countByKey(run);
  const kids = [...new Set(bins.flatMap((bin) => [...bin.keys()]))].sort(
    (a, b) => Number(a) - Number(b),
  );
  const x = scale([0, run.duration], [PLOT.left, PLOT.right]);
  const most = Math.max(...bins.map(total));
  const step = niceStep(most / 3);
  const top = Math.ceil(most / step) * step;
  const y = scale([0, top], [PLOT.bottom, PLOT.top]);
  const answered = run.answers.filter(isAnswered).length;
  const refused = run.answers.filter(({ status }) => status === 401).length;
  const rotations = run.rotations.length;
  const outcome = refused === 0 ? "nobody is signed out" : `${refused} requests are refused`;

  const summary = `${grouped(answered)} requests were answered and ${refused} were refused with 401.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="t d">`,
    `<title id="t">Rotating SECRET_KEY under load</title>`,
    `<desc id="d">Requests answered in each half second, by the key that sealed the session. ${rotations} rotations, an instance that is killed and one that freezes. ${summary}</desc>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="${PLOT.left}" y="30">${WORDS[rotations] ?? rotations} rotations under load, and ${outcome}</text>`,
    `<text x="${PLOT.left}" y="52">Requests answered 200 in each half second, by the key that sealed the session</text>`,
    ...gridLines(),
    ...run.freezes.map(drawFreeze),
    ...bins.flatMap(drawBin),
    ...kids.map(drawKeyLabel),
    ...run.rotations.map(({ at, kid }) =>
      drawEvent(at, `key ${kid} added`, diamond(x(at), EVENTS), 104),
    ),
    ...run.kills.map((at) => drawEvent(at, "instance killed", cross(x(at), EVENTS), 86)),
    ...drawRefusals(),
    ...timeAxis(),
    `<text x="${PLOT.left}" y="${HEIGHT - 8}">Measured on the local fleet, in quick motion: here a new key signs ${run.activationDelay} s after it was added; by default that is half an hour.</text>`,
    `</svg>`,
    "",
  ].join("\n");

  function gridLines(): string[] {
    const values = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
    return values.map(
      (value) =>
        `<path class="grid" d="M${PLOT.left} ${y(value)}H${PLOT.right}"/><text x="${PLOT.left - 8}" y="${y(value) + 4.5}" text-anchor="end">${value}</text>`,
    );
  }

  function drawBin(bin: ReadonlyMap<string, number>, index: number): string[] {
    const left = x(index * BIN) + 0.75;
    const width = round(x((index + 1) * BIN) - x(index * BIN) - 1.5);
    let sum = 0;
    return kids.flatMap((kid) => {
      const count = bin.get(kid) ?? 0;
      if (count === 0) return [];
      const bottom = y(sum);
      sum += count;
      return [
        `<path fill="${colorOf(kid)}" d="M${round(left)} ${bottom}h${width}V${y(sum)}h-${width}z"/>`,
      ];
    });
  }

  /** In the middle of the time in which the key has sealed the most sessions. */
  function drawKeyLabel(kid: string): string {
    const led = bins.flatMap((bin, index) =>
      (bin.get(kid) ?? 0) > total(bin) / 2 ? [(index + 0.5) * BIN] : [],
    );
    if (led.length * BIN < 1.5) return "";
    const middle = ((led[0] ?? 0) + (led.at(-1) ?? 0)) / 2;
    return `<text class="key" x="${x(middle)}" y="${PLOT.bottom - 12}" text-anchor="middle">key ${kid}</text>`;
  }

  function drawFreeze({ from, to }: Run["freezes"][number]): string {
    const width = round(x(to) - x(from));
    return `<rect class="frozen" x="${x(from)}" y="${EVENTS - 8}" width="${width}" height="${PLOT.bottom - EVENTS + 8}"/><text class="strong" x="${x(from)}" y="86">instance frozen for ${round(to - from)} s</text>`;
  }

  function drawEvent(at: number, label: string, mark: string, labelY: number): string {
    return `<path class="event" d="M${x(at)} ${EVENTS + 6}V${PLOT.bottom}"/>${mark}<text class="strong" x="${x(at) - 4}" y="${labelY}">${label}</text>`;
  }

  function drawRefusals(): string[] {
    const counts = bins.map(
      (_, index) =>
        run.answers.filter(({ at, status }) => status === 401 && Math.floor(at / BIN) === index)
          .length,
    );
    const height = scale([0, Math.max(4, ...counts)], [REFUSED.bottom, REFUSED.top]);
    const line = counts.map((count, index) => `${x((index + 0.5) * BIN)} ${height(count)}`);
    return [
      `<path class="grid" d="M${PLOT.left} ${REFUSED.bottom}H${PLOT.right}"/>`,
      `<path class="refused" d="M${PLOT.left} ${height(counts[0] ?? 0)}L${line.join("L")}H${PLOT.right}"/>`,
      `<text x="${PLOT.left - 8}" y="${REFUSED.bottom + 4.5}" text-anchor="end">0</text>`,
      `<text class="bad" x="${PLOT.left}" y="${REFUSED.bottom - 8}">Answered 401: ${refused} of ${grouped(run.answers.length)}</text>`,
    ];
  }

  function timeAxis(): string[] {
    const times = Array.from({ length: Math.floor(run.duration / 5) + 1 }, (_, i) => i * 5);
    return times.map(
      (time) =>
        `<text x="${x(time)}" y="${REFUSED.bottom + 20}" text-anchor="middle">${time} s</text>`,
    );
  }

  function colorOf(kid: string): string {
    return KEY_COLORS[kids.indexOf(kid) % KEY_COLORS.length] ?? "";
  }
}

/** Answers in each bin, by the key that had sealed the session. */
function countByKey({ answers, duration }: Run): Map<string, number>[] {
  const bins = Array.from({ length: Math.round(duration / BIN) }, () => new Map<string, number>());
  for (const { at, kid, ...answer } of answers) {
    const bin = bins[Math.floor(at / BIN)];
    if (bin && kid !== undefined && isAnswered(answer)) bin.set(kid, (bin.get(kid) ?? 0) + 1);
  }
  return bins;
}

function isAnswered({ status }: { readonly status: number }): boolean {
  return status === 200;
}

function total(bin: ReadonlyMap<string, number>): number {
  return [...bin.values()].reduce((sum, count) => sum + count, 0);
}

function scale([from, to]: [number, number], [start, end]: [number, number]) {
  return (value: number) => round(start + ((value - from) / (to - from)) * (end - start));
}

/** 1, 2 or 5 times a power of ten, the next one up. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}

function diamond(x: number, y: number): string {
  return `<path class="mark" d="M${x} ${y - 5}l5 5-5 5-5-5z"/>`;
}

function cross(x: number, y: number): string {
  return `<path class="mark" d="M${x - 5} ${y - 3.5}l1.5-1.5 3.5 3.5 3.5-3.5 1.5 1.5-3.5 3.5 3.5 3.5-1.5 1.5-3.5-3.5-3.5 3.5-1.5-1.5 3.5-3.5z"/>`;
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
