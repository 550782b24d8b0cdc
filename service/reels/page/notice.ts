import { byId, element } from "./element.ts";

/** A link or a button with which the user can continue. */
type Action =
  | { readonly label: string; readonly href: string }
  | { readonly label: string; readonly onClick: () => void };

/** Shows a notice above the clips, and focuses its link or button. */
export function showNotice(title: string, text: string, action: Action): void {
  const box = byId("notice", "div");
  let control: HTMLElement;
  if ("href" in action) {
    control = element("a", { class: "button", href: action.href }, action.label);
  } else {
    control = element("button", { class: "button", type: "button" }, action.label);
    control.addEventListener("click", action.onClick);
  }
  box.replaceChildren(
    element("div", {}, element("strong", {}, title), element("p", {}, text)),
    control,
  );
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
  control.focus({ preventScroll: true });
}

export function hideNotice(): void {
  byId("notice", "div").hidden = true;
}

/** Announces a visible change to screen readers. */
export function announce(text: string): void {
  byId("announcer", "p").textContent = text;
}
