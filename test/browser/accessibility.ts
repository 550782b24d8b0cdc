import axe from "axe-core";
import type { Page } from "playwright-core";

/** Violations that axe-core finds: rule, element and explanation. */
export async function objections(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(`axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => [id, target, failureSummary].join(": "))))`);
}

/** Pixels by which the page overflows horizontally. */
export function overhang(page: Page): Promise<number> {
  return page.evaluate("document.scrollingElement.scrollWidth - innerWidth");
}
