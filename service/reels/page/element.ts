/**
 * An element of the page by its id.
 * @throws Error if there is no element of that kind: the page and its script don't match.
 */
export function byId<Name extends keyof HTMLElementTagNameMap>(
  id: string,
  name: Name,
): HTMLElementTagNameMap[Name] {
  const found = document.getElementById(id);
  if (found?.localName !== name) throw new Error(`The page has no <${name} id="${id}">`);
  return found as HTMLElementTagNameMap[Name];
}

/** Creates an element. Attributes that are undefined are omitted. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | undefined>>,
  ...content: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...content);
  return made;
}

/** An icon by the name of its SVG symbol in the page. */
export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon and an accessible label. */
export function iconButton(name: string, label: string, className: string): HTMLButtonElement {
  return element(
    "button",
    { type: "button", class: className, "aria-label": label, title: label },
    icon(name),
  );
}

/** Distinct hues, assigned to instances in the order in which they appear. */
const HUES = [18, 212, 150, 282, 48, 330, 180, 100];
const seen: string[] = [];

/** A label with an instance's name and a colour of its own. */
export function instanceMark(instance: string): HTMLSpanElement {
  if (!seen.includes(instance)) seen.push(instance);
  const dot = element("i", { class: "dot", "aria-hidden": "true" });
  dot.style.backgroundColor = `hsl(${HUES[seen.indexOf(instance) % HUES.length]} 75% 52%)`;
  return element("span", { class: "instance" }, dot, `from ${instance}`);
}

/** Whether the user prefers reduced motion. */
export function prefersStillness(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
