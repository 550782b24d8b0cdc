import { application } from "../../service/application.ts";
import type { Browser } from "./browser.ts";

/** What a request came to. */
export interface ManyAnswer {
  readonly status: number;
  /** `code` of the problem document, if it is one. */
  readonly code: string | undefined;
  /** Who answered. */
  readonly instance: string;
  readonly setCookie: readonly string[];
}

/** How many requests the original application's page made at once when sessions were lost. */
const MANY = 40;

/** Asks the application's API many times at once, as a page does that is opened. */
export async function askMany(browser: Browser, count = MANY): Promise<ManyAnswer[]> {
  return Promise.all(
    Array.from({ length: count }, async (): Promise<ManyAnswer> => {
      const response = await browser.fetch(application.api);
      const { code } = (await response.json()) as { readonly code?: string };
      return {
        status: response.status,
        code,
        instance: response.headers.get("x-instance") ?? "",
        setCookie: response.headers.getSetCookie(),
      };
    }),
  );
}

/**
 * Asks until somebody answers who knows the session: sessions in files are saved between the head
 * of the answer to the sign-in and its end.
 */
export async function untilSaved(browser: Browser): Promise<void> {
  while ((await browser.fetch(application.api)).status !== 200);
}
