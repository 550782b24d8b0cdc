import axe from "axe-core";
import type { Page } from "playwright-core";

/** What axe-core objects to: rule, element, and what it is about. */
export async function objections(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(`axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => [id, target, failureSummary].join(": "))))`);
}

/** Pixels that can be scrolled sideways. */
export function overhang(page: Page): Promise<number> {
  return page.evaluate("document.scrollingElement.scrollWidth - innerWidth");
}
