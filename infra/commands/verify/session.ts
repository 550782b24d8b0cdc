import { type Answer, type Client, isCredential, type SetCookie } from "./client.ts";
import type { SignedIn } from "./signIn.ts";

/** A session's cookie. */
export interface HeldCookie {
  readonly name: string;
  readonly value: string;
}

/** A session, and the requests that carried it. Cookies that come back do not change it. */
export class Session {
  readonly source: "made" | "pasted" | "saved";
  /** The credential cookie. */
  readonly cookie: HeldCookie;
  /** Answers to the requests that carried the session. */
  readonly uses: Answer[] = [];
  readonly #site: { readonly client: Client; readonly url: URL };
  readonly #made: SignedIn | undefined;

  /** @param made - the sign-in that began the session */
  constructor(
    source: Session["source"],
    { name, value }: HeldCookie,
    site: { readonly client: Client; readonly url: URL },
    made?: SignedIn,
  ) {
    this.source = source;
    this.cookie = { name, value };
    this.#site = site;
    this.#made = made;
  }

  async ask(path: string, request: Parameters<Client["ask"]>[1] = {}): Promise<Answer> {
    const { client, url } = this.#site;
    const { name, value } = this.cookie;
    const cookie = this.#made?.visitor.cookies(url) ?? `${name}=${value}`;
    const answer = await client.ask(new URL(path, url), { ...request, cookie });
    this.uses.push(answer);
    return answer;
  }

  /** Whether any request was answered as if nobody were signed in. */
  get lost(): boolean {
    return this.uses.some(({ isRefusal }) => isRefusal);
  }

  /** The CSRF token of the page that was opened last. */
  get csrfToken(): string | undefined {
    return this.uses.findLast(({ csrfToken }) => csrfToken)?.csrfToken;
  }

  /** Every session cookie that answers set, the sign-in's first. */
  get setCookies(): SetCookie[] {
    const answers = this.#made === undefined ? this.uses : [this.#made.callback, ...this.uses];
    return answers
      .flatMap(({ setCookies }) => setCookies)
      .filter(({ name, value }) => isSessionCookie(name) && value !== "");
  }
}

/** Whether a name is a session cookie's: the credential's or a data cookie's. */
function isSessionCookie(name: string): boolean {
  return isCredential(name) || /^(__Host-)?data-[\w-]+$/.test(name);
}

/** How many requests an instance answered, and how many of them it refused. */
interface Tally {
  readonly instance: string;
  readonly requests: number;
  readonly refused: number;
}

/** The tallies of the instances, sorted by name. */
export function tallies(uses: readonly Answer[]): Tally[] {
  return [...Map.groupBy(uses, ({ instance }) => instance ?? "(no name)")]
    .map(([instance, own]) => ({
      instance,
      requests: own.length,
      refused: own.filter(({ isRefusal }) => isRefusal).length,
    }))
    .toSorted((a, b) => (a.instance < b.instance ? -1 : 1));
}

/** `one 0 of 12, two 3 of 9`. */
export function refusalsByInstance(uses: readonly Answer[]): string {
  return tallies(uses)
    .map(({ instance, refused, requests }) => `${instance} ${refused} of ${requests}`)
    .join(", ");
}

/** The instances that answered, each once, sorted by name. */
export function instancesOf(uses: readonly Answer[]): string[] {
  return [...new Set(uses.flatMap(({ instance }) => instance ?? []))].toSorted();
}
