import { application } from "../../service/application.ts";
import type { Browser } from "./browser.ts";

/** Result of a request. */
interface ManyAnswer {
  readonly status: number;
  /** `code` of the problem document, if it is one. */
  readonly code: string | undefined;
  /** Name of the instance that answered. */
  readonly instance: string;
  readonly setCookie: readonly string[];
}

/** Number of parallel requests with which the original application lost sessions. */
const MANY = 40;

/** Sends many parallel requests to the application's API, as a page does on load. */
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
 * Retries until an instance knows the session. A session in a file is saved between the headers and
 * the end of the response to the sign-in.
 */
export async function untilSaved(browser: Browser): Promise<void> {
  while ((await browser.fetch(application.api)).status !== 200);
}
