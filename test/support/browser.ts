/** What a request may carry: `fetch`'s options without what the browser decides itself. */
export interface BrowserRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
}

export interface BrowserOptions {
  /**
   * Headers on every request to the site, such as `X-Forwarded-Proto: https`, which makes a site
   * on this machine believe that it is behind TLS.
   */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A browser without a window: it keeps cookies, each host's apart from the others', and follows
 * redirects only when it is told to. `https` addresses at the site's host are asked for at the
 * site itself, as a front end that terminates TLS would.
 */
export class Browser {
  /** The site that paths are relative to, without a trailing slash. */
  readonly site: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** Cookies by host and path, then by name. */
  readonly #jar = new Map<string, Map<string, string>>();

  constructor(site: string, { headers = {} }: BrowserOptions = {}) {
    this.site = new URL(site).origin;
    this.#headers = headers;
  }

  /** The site's cookies for all its paths, by name. Change it to lose or to plant one. */
  get cookies(): Map<string, string> {
    return this.cookiesAt("/");
  }

  /** The site's cookies that were set for exactly that path. */
  cookiesAt(path: string): Map<string, string> {
    return this.#cookiesAt(new URL(this.site).host, path);
  }

  /** A second browser with the same cookies as this one has now. */
  clone(): Browser {
    const twin = new Browser(this.site, { headers: this.#headers });
    for (const [place, cookies] of this.#jar) twin.#jar.set(place, new Map(cookies));
    return twin;
  }

  /** Asks for a path of the site, or for an absolute URL. Redirects are not followed. */
  async fetch(pathOrUrl: string, request: BrowserRequest = {}): Promise<Response> {
    const landing = await this.send(pathOrUrl, request);
    this.receive(landing);
    return landing.response;
  }

  /** Asks as `fetch` does, and leaves the answer on its way: its cookies come with `receive`. */
  async send(pathOrUrl: string, request: BrowserRequest = {}): Promise<Landing> {
    const url = this.#locate(pathOrUrl);
    const atSite = url.origin === this.site;
    const cookie = this.#cookieHeader(url);
    const response = await fetch(url, {
      method: request.method ?? "GET",
      ...(request.body !== undefined && { body: request.body }),
      headers: {
        accept: "text/html,*/*;q=0.8",
        ...(atSite && this.#headers),
        ...(cookie !== "" && { cookie }),
        ...request.headers,
      },
      redirect: "manual",
    });
    return { url, response };
  }

  /** Keeps the cookies of an answer that has come. */
  receive({ url, response }: Landing): void {
    for (const line of response.headers.getSetCookie()) this.#keep(url.host, line);
  }

  /** Asks, then follows redirects until there is none, or until one that `until` says to stop at. */
  async follow(
    pathOrUrl: string,
    request: BrowserRequest = {},
    until: (location: URL) => boolean = () => false,
  ): Promise<Landing> {
    let url = this.#locate(pathOrUrl);
    let response = await this.fetch(url.href, request);
    for (let step = 0; step < 20; step++) {
      const target = response.headers.get("location");
      if (target === null) return { url, response };
      const location = new URL(target, url);
      await response.body?.cancel();
      if (until(location)) return { url: location, response };
      url = this.#locate(location.href);
      response = await this.fetch(url.href);
    }
    throw new Error(
      `Redirected more than 20 times, the last time to ${url.origin}${url.pathname}.`,
    );
  }

  #cookiesAt(host: string, path: string): Map<string, string> {
    const place = `${host}${path}`;
    const cookies = this.#jar.get(place) ?? new Map<string, string>();
    this.#jar.set(place, cookies);
    return cookies;
  }

  #cookieHeader({ host, pathname }: URL): string {
    return [...this.#jar]
      .filter(([place]) => `${host}${pathname}/`.startsWith(place.replace(/\/?$/, "/")))
      .flatMap(([, cookies]) => [...cookies].map(([name, value]) => `${name}=${value}`))
      .join("; ");
  }

  /** The part of RFC 6265 that matters here: a value to keep, or one that has ended. */
  #keep(host: string, setCookie: string): void {
    const [pair = "", ...attributes] = setCookie.split(";").map((part) => part.trim());
    const [, name = "", value = ""] = /^([^=]*)=(.*)$/.exec(pair) ?? [];
    const cookies = this.#cookiesAt(host, attribute(attributes, "path") ?? "/");
    if (value === "" || hasEnded(attributes)) cookies.delete(name);
    else cookies.set(name, value);
  }

  #locate(pathOrUrl: string): URL {
    const url = new URL(pathOrUrl, this.site);
    return url.host === new URL(this.site).host
      ? new URL(url.pathname + url.search, this.site)
      : url;
  }
}

/** Where following redirects ended. */
export interface Landing {
  readonly url: URL;
  readonly response: Response;
}

function hasEnded(attributes: readonly string[]): boolean {
  const maxAge = attribute(attributes, "max-age");
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attribute(attributes, "expires");
  return expires !== undefined && Date.parse(expires) <= Date.now();
}

function attribute(attributes: readonly string[], name: string): string | undefined {
  const found = attributes.find((part) => part.toLowerCase().startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}
