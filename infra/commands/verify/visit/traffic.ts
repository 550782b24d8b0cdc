import type { Visit } from "../observations.ts";
import { type Answer, codeOf, locationOf } from "../site/answer.ts";
import type { Client, Request } from "../site/client.ts";
import { SiteError } from "../site/siteError.ts";

/** Requests that carry one session, and what became of each. */
export class Traffic {
  readonly #client: Client;
  readonly #site: URL;
  readonly #cookie: string;
  readonly visits: Visit[] = [];

  constructor(
    client: Client,
    site: URL,
    cookie: { readonly name: string; readonly value: string },
  ) {
    this.#client = client;
    this.#site = site;
    this.#cookie = `${cookie.name}=${cookie.value}`;
  }

  /** @throws SiteError if there is no answer, which is written down as well */
  async ask(path: string, request: Request = {}): Promise<Answer> {
    const needsSession = !path.startsWith("/media/");
    try {
      const url = new URL(path, this.#site);
      const answer = await this.#client.ask(url, { ...request, cookie: this.#cookie });
      const { instance, status } = answer;
      const refused = isRefused(answer, url);
      this.visits.push({ instance, status, code: codeOf(answer), needsSession, refused });
      return answer;
    } catch (error) {
      if (error instanceof SiteError) {
        this.visits.push({
          instance: undefined,
          status: 0,
          code: error.code,
          needsSession,
          refused: false,
        });
      }
      throw error;
    }
  }

  /** As `ask`, for those who go on without an answer. */
  async tryToAsk(path: string, request: Request = {}): Promise<Answer | undefined> {
    try {
      return await this.ask(path, request);
    } catch (error) {
      if (error instanceof SiteError) return undefined;
      throw error;
    }
  }
}

/** Whether somebody is told that they are not signed in: 401, or for pages the way to sign-in. */
function isRefused(answer: Answer, url: URL): boolean {
  return answer.status === 401 || locationOf(answer, url.href)?.pathname === "/login";
}
