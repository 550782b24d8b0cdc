import { byId, element } from "./element.ts";

/** What the visitor can do about it. */
export type WayForward =
  | { readonly label: string; readonly href: string }
  | { readonly label: string; readonly onClick: () => void };

/** Says what happened above the clips, with a way forward, and takes the focus there. */
export function showNotice(title: string, text: string, way: WayForward): void {
  const box = byId("notice", "div");
  let action: HTMLElement;
  if ("href" in way) {
    action = element("a", { class: "button", href: way.href }, way.label);
  } else {
    action = element("button", { class: "button", type: "button" }, way.label);
    action.addEventListener("click", way.onClick);
  }
  box.replaceChildren(
    element("div", {}, element("strong", {}, title), element("p", {}, text)),
    action,
  );
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
  action.focus({ preventScroll: true });
}

export function hideNotice(): void {
  byId("notice", "div").hidden = true;
}

/** Tells a screen reader what changed where the eye sees it by itself. */
export function announce(text: string): void {
  byId("announcer", "p").textContent = text;
}
