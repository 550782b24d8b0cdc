interface DragRows {
  readonly list: HTMLElement;
  readonly item: HTMLElement;
  /** The handle that starts a drag. */
  readonly grip: HTMLElement;
  /** Called with the index at which the row was dropped. */
  readonly onDrop: (to: number) => void;
}

/** A drag scrolls within EDGE pixels of the window's edge, by SCROLL pixels for each event. */
const EDGE = 56;
const SCROLL = 10;

/**
 * Makes a row draggable by its grip with mouse, pen or finger. Until it is dropped rows are moved
 * by CSS only, because moving an element in the DOM would release the pointer. Escape cancels the
 * drag.
 */
export function dragRows({ list, item, grip, onDrop }: DragRows): void {
  grip.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    down.preventDefault();
    grip.focus();
    grip.setPointerCapture(down.pointerId);
    const items = Array.from(list.children).filter((child) => child instanceof HTMLElement);
    const [start, height] = [items.indexOf(item), pitch(items)];
    const startY = placeIn(list, down.clientY);
    const end = new AbortController();
    let to = start;

    const finish = (drop: boolean) => {
      end.abort();
      item.classList.remove("dragged");
      for (const { style } of items) style.transform = "";
      if (drop && to !== start) onDrop(to);
    };
    const drag = ({ clientY }: PointerEvent) => {
      item.classList.add("dragged");
      scrollAtEdge(list, clientY);
      const by = placeIn(list, clientY) - startY;
      to = Math.min(items.length - 1, Math.max(0, start + Math.round(by / height)));
      for (const [index, other] of items.entries()) {
        const shift =
          index > start && index <= to ? -height : index < start && index >= to ? height : 0;
        other.style.transform = `translateY(${other === item ? by : shift}px)`;
      }
    };
    const { signal } = end;
    grip.addEventListener("pointermove", drag, { signal });
    grip.addEventListener("pointerup", () => finish(true), { signal });
    grip.addEventListener("pointercancel", () => finish(false), { signal });
    window.addEventListener("keydown", ({ key }) => key === "Escape" && finish(false), { signal });
  });
}

/** Distance from one row to the next. */
function pitch(items: readonly HTMLElement[]): number {
  const [first, second] = items;
  if (first === undefined) return 1;
  return second === undefined ? first.offsetHeight : second.offsetTop - first.offsetTop;
}

/** Converts a vertical position in the window to one in the list's scrolled content. */
function placeIn(list: HTMLElement, clientY: number): number {
  return clientY - list.getBoundingClientRect().top + list.scrollTop;
}

function scrollAtEdge(list: HTMLElement, clientY: number): void {
  const { top, bottom } = list.getBoundingClientRect();
  const [upper, lower] = [Math.max(top, 0) + EDGE / 2, Math.min(bottom, innerHeight) - EDGE / 2];
  const by = clientY < upper ? -SCROLL : clientY > lower ? SCROLL : 0;
  if (by === 0) return;
  list.scrollBy(0, by);
  if (clientY < EDGE || clientY > innerHeight - EDGE) window.scrollBy(0, by);
}
