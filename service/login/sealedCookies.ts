import type { Request, Response } from "express";
import type { Seconds } from "../pure/seconds.ts";
import { cookieAttributes, cookieValue } from "../session/cookie.ts";
import type { Content, Opened, Sealer } from "../session/sealer.ts";

export interface SealedCookieDeps {
  readonly sealer: Sealer;
  readonly cookieSecure: boolean;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/** Cookies that only this service can create and read. */
export class SealedCookies {
  /** Name of the cookie, or the prefix of several. */
  readonly prefix: string;
  readonly #deps: SealedCookieDeps;
  readonly #attributes;

  /** With the path "/" over https, no other host can set the cookies. */
  constructor(deps: SealedCookieDeps, purpose: string, path = "/") {
    const prefix = path === "/" ? "__Host-" : "__Secure-";
    this.prefix = deps.cookieSecure ? `${prefix}${purpose}` : purpose;
    this.#deps = deps;
    this.#attributes = { ...cookieAttributes(deps.cookieSecure), path };
  }

  /** @throws KeysUnavailableError */
  set(res: Response, content: Content, name = this.prefix): void {
    const { sealer, clock } = this.#deps;
    const maxAge = Math.max(1, content.exp - clock()) * 1000;
    res.cookie(name, sealer.seal(this.prefix, content, name), { ...this.#attributes, maxAge });
  }

  /** Undefined if the request has no such cookie. */
  async open({ headers }: Request, name = this.prefix): Promise<Opened | undefined> {
    const token = cookieValue(headers.cookie, name);
    return token === undefined ? undefined : await this.#deps.sealer.open(this.prefix, token, name);
  }

  clear(res: Response, name = this.prefix): void {
    res.clearCookie(name, this.#attributes);
  }
}
