import type { Locator } from "playwright-core";
import { until } from "./until.ts";

export function hasFocus(target: Locator): Promise<boolean> {
  return target.evaluate((element: { matches(selector: string): boolean }) =>
    element.matches(":focus"),
  );
}

/** Presses a key until an element has the focus, as a keyboard user does. */
export async function tabTo(target: Locator, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  await until(async () => {
    await target.page().keyboard.press(key);
    return hasFocus(target);
  });
}
