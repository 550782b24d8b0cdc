import { isRemoval, type SetCookie } from "./setCookie.ts";

/** A browser's cookies, each origin's apart from the others'. Paths are not looked at. */
export class Jar {
  readonly #cookies = new Map<string, Map<string, string>>();

  keep(origin: string, setCookies: readonly SetCookie[], now: number): void {
    const cookies = this.#at(origin);
    for (const cookie of setCookies) {
      if (cookie.value === "" || isRemoval(cookie, now)) cookies.delete(cookie.name);
      else cookies.set(cookie.name, cookie.value);
    }
  }

  /** The Cookie header for an origin; undefined if there is nothing to send. */
  header(origin: string): string | undefined {
    return [...this.#at(origin)].map(([name, value]) => `${name}=${value}`).join("; ") || undefined;
  }

  #at(origin: string): Map<string, string> {
    const cookies = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, cookies);
    return cookies;
  }
}
