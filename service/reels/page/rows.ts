import type { Clip } from "../wire.ts";
import type { ClipSources } from "./clipSources.ts";
import { dragRows } from "./dragRows.ts";
import { element, iconButton, instanceMark, prefersStillness } from "./element.ts";
import { showPoster } from "./library.ts";
import { formatDuration, type Order } from "./order.ts";

interface RowsDeps {
  readonly list: HTMLOListElement;
  readonly clips: ReadonlyMap<string, Clip>;
  readonly sources: Pick<ClipSources, "peek">;
  readonly onMove: (id: string, to: number) => void;
  readonly onRemove: (id: string) => void;
  /** Called when a clip's poster fails to load. */
  readonly onPosterFailure: (id: string) => void;
}

/** The reel as a list that the user can reorder. */
interface Rows {
  showOrder(order: Order): void;
  /** Shows the poster and the instance of a clip's current URL. */
  showSource(id: string): void;
}

interface Row {
  readonly item: HTMLLIElement;
  readonly frame: HTMLElement;
  readonly meta: HTMLElement;
  readonly up: HTMLButtonElement;
  readonly down: HTMLButtonElement;
}

export function createRows(deps: RowsDeps): Rows {
  const { list, clips, sources, onMove, onRemove, onPosterFailure } = deps;
  const rows = new Map<string, Row>();
  let order: Order = [];

  const step = (id: string, by: number) => {
    const to = order.indexOf(id) + by;
    if (to >= 0 && to < order.length) onMove(id, to);
  };

  function createRow(clip: Clip): Row {
    const { id, title, color } = clip;
    const frame = element("span", { class: "frame" });
    frame.style.backgroundColor = color;
    const meta = element("p", { class: "meta soft" });
    const grip = iconButton("grip", `Move ${title}`, "grip");
    grip.setAttribute("aria-describedby", "grip-help");
    const up = iconButton("up", `Move ${title} up`, "small");
    const down = iconButton("down", `Move ${title} down`, "small");
    const remove = iconButton("close", `Remove ${title}`, "small remove");
    grip.addEventListener("keydown", (event) => {
      const steps: Record<string, number> = {
        ArrowUp: -1,
        ArrowDown: 1,
        Home: -order.indexOf(id),
        End: order.length - 1 - order.indexOf(id),
      };
      const by = steps[event.key];
      if (by === undefined) return;
      event.preventDefault();
      step(id, by);
    });
    up.addEventListener("click", () => step(id, -1));
    down.addEventListener("click", () => step(id, 1));
    remove.addEventListener("click", () => removeRow(id));
    const text = element("div", { class: "text" }, element("p", { class: "title" }, title), meta);
    const item = element(
      "li",
      { class: "row", "data-clip": id },
      grip,
      frame,
      text,
      up,
      down,
      remove,
    );
    dragRows({ list, item, grip, onDrop: (to) => onMove(id, to) });
    return { item, frame, meta, up, down };
  }

  /** Removes a row and moves the focus to its neighbour. */
  function removeRow(id: string): void {
    const at = order.indexOf(id);
    const neighbour = order[at + 1] ?? order[at - 1];
    onRemove(id);
    const next = neighbour && rows.get(neighbour)?.item.querySelector<HTMLElement>(".remove");
    (next || document.getElementById("reel"))?.focus();
  }

  function showSource(id: string): void {
    const [row, clip, source] = [rows.get(id), clips.get(id), sources.peek(id)];
    if (row === undefined || clip === undefined) return;
    row.meta.replaceChildren(element("span", {}, formatDuration(clip.duration)));
    if (source === undefined) return;
    row.meta.append(instanceMark(source.instance));
    showPoster(row.frame, source.poster_url, () => onPosterFailure(id));
  }

  return {
    showSource,

    showOrder(next) {
      const before = positions(list);
      const focused = document.activeElement;
      order = next;
      for (const id of rows.keys()) if (!next.includes(id)) rows.delete(id);
      const items: HTMLLIElement[] = [];
      for (const [index, id] of next.entries()) {
        const clip = clips.get(id);
        if (clip === undefined) continue;
        const known = rows.get(id);
        const row = known ?? createRow(clip);
        rows.set(id, row);
        if (known === undefined) showSource(id);
        // Not `disabled`, because a button loses the focus when it is disabled.
        row.up.setAttribute("aria-disabled", String(index === 0));
        row.down.setAttribute("aria-disabled", String(index === next.length - 1));
        items.push(row.item);
      }
      list.replaceChildren(...items);
      if (focused instanceof HTMLElement && list.contains(focused)) focused.focus();
      glide(list, before);
    },
  };
}

function positions(list: HTMLElement): Map<Element, number> {
  return new Map(Array.from(list.children, (item) => [item, item.getBoundingClientRect().top]));
}

/** Animates rows from their previous positions to the current ones. */
function glide(list: HTMLElement, before: ReadonlyMap<Element, number>): void {
  if (prefersStillness()) return;
  for (const item of list.children) {
    const by = (before.get(item) ?? Number.NaN) - item.getBoundingClientRect().top;
    const from = Number.isNaN(by) ? { opacity: 0 } : { transform: `translateY(${by}px)` };
    if (by !== 0) item.animate([from, {}], { duration: 180, easing: "ease-out" });
  }
}
