/** Options of `fetch`, without those that the browser sets itself. */
export interface BrowserRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
}

export interface BrowserOptions {
  /**
   * Headers of every request to the site, such as `X-Forwarded-Proto: https`, which makes a local
   * site believe that it is behind TLS.
   */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An HTTP client with a cookie jar for each host. It follows redirects only when told to. Requests
 * for `https` URLs of the site's host go to the site itself, as through a front end that terminates
 * TLS.
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

  /** The site's cookies for all paths, by name. Tests may change it. */
  get cookies(): Map<string, string> {
    return this.cookiesAt("/");
  }

  /** The site's cookies that were set for exactly this path. */
  cookiesAt(path: string): Map<string, string> {
    return this.#cookiesAt(new URL(this.site).host, path);
  }

  /** A copy of this browser with its current cookies. */
  clone(): Browser {
    const twin = new Browser(this.site, { headers: this.#headers });
    for (const [place, cookies] of this.#jar) twin.#jar.set(place, new Map(cookies));
    return twin;
  }

  /** Requests a path of the site or an absolute URL. Does not follow redirects. */
  async fetch(pathOrUrl: string, request: BrowserRequest = {}): Promise<Response> {
    const landing = await this.send(pathOrUrl, request);
    this.receive(landing);
    return landing.response;
  }

  /** Like `fetch`, but keeps the response's cookies only when `receive` is called. */
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

  /** Keeps the cookies of a response. */
  receive({ url, response }: Landing): void {
    for (const line of response.headers.getSetCookie()) this.#keep(url.host, line);
  }

  /** Sends a request and follows redirects, until there is none or `until` returns true. */
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

  /** Stores or deletes a cookie: a small part of RFC 6265. */
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

/** The last response after redirects, and its URL. */
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
