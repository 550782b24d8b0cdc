import type { BrowserContext, Locator, Page } from "playwright-core";
import { ada, type LocalUser } from "../local/identity/users.ts";
import { signIn } from "../support/signIn.ts";
import { until } from "./until.ts";

/** Milliseconds that anything on the page may take before a test fails. */
const PATIENCE = 10_000;

/** Tells the test what the content security policy refused, for which the page itself has no word. */
const REPORT_VIOLATIONS = `addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  reportViolation(violatedDirective + " refused " + blockedURI))`;

/** URLs of the only hosts that anything may be asked of. */
export interface Hosts {
  readonly site: string;
  readonly provider: string;
}

/** Somebody's visit: a browser with cookies and storage of its own, watched for what goes wrong. */
export class Visit implements AsyncDisposable {
  readonly context: BrowserContext;
  /** The first tab. */
  readonly page: Page;
  /** Errors on the console, refusals of the policy, and requests to hosts of somebody else. */
  readonly complaints: string[] = [];
  readonly #site: string;
  readonly #hosts: ReadonlySet<string>;

  private constructor(context: BrowserContext, page: Page, { site, provider }: Hosts) {
    this.context = context;
    this.page = page;
    this.#site = site;
    this.#hosts = new Set([site, provider].map((url) => new URL(url).host));
  }

  static async watched(context: BrowserContext, hosts: Hosts): Promise<Visit> {
    context.setDefaultTimeout(PATIENCE);
    const visit = new Visit(context, await context.newPage(), hosts);
    await visit.#watch();
    return visit;
  }

  /** Signs in at the provider's page and waits for the reel maker's clips. */
  async signIn({ name }: LocalUser = ada): Promise<void> {
    await this.page.goto("/login?returnTo=/reel-maker");
    await this.page.getByRole("button", { name }).click();
    await this.page.waitForURL("**/reel-maker");
    await this.untilLoaded();
  }

  /** Opens the reel maker with a session of its own, which was begun without a browser: quicker. */
  async begin(user: LocalUser = ada): Promise<void> {
    const { cookies } = await signIn(this.#site, user);
    await this.context.addCookies(
      Array.from(cookies, ([name, value]) => ({ name, value, url: this.#site })),
    );
    await this.page.goto("/reel-maker");
    await this.untilLoaded();
  }

  /** Opens the reel maker in a new tab, which shares cookies and storage with the first. */
  async openTab(): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto("/reel-maker");
    await this.untilLoaded(page);
    return page;
  }

  /** Waits until every clip has its URL. */
  async untilLoaded(page: Page = this.page): Promise<void> {
    await page.locator("#served", { hasText: "served by" }).waitFor();
    await until(async () => (await page.locator(".card.waiting").count()) === 0);
  }

  /** The card of a clip in the library. */
  card(title: string, page: Page = this.page): Locator {
    return page.locator("#cards").getByRole("button", { name: title, exact: true });
  }

  /** Chooses clips with the mouse and waits until they are saved. */
  async choose(...titles: string[]): Promise<void> {
    for (const title of titles) await this.card(title).click();
    await this.untilSaved();
  }

  async untilSaved(page: Page = this.page): Promise<void> {
    await page.locator('#saving[data-state="saved"]').waitFor();
  }

  /** Titles of the reel's clips, in order. */
  reel(page: Page = this.page): Promise<string[]> {
    return page.locator("#rows .title").allTextContents();
  }

  /** Starts the reel and waits until it really moves. */
  async play(): Promise<void> {
    await this.page.getByRole("button", { name: "Play reel" }).click();
    await this.untilPlayed();
  }

  /** Seconds of the clip that is on. */
  position(): Promise<number> {
    const video = this.page.locator("#screen video.on");
    return video.evaluate((on: { readonly currentTime: number }) => on.currentTime);
  }

  /** Waits until the clip that is on has advanced by so many seconds. */
  async untilPlayed(seconds = 0.2): Promise<void> {
    await this.page.locator("#screen video.on").waitFor();
    const start = await this.position();
    await until(async () => (await this.position()) >= start + seconds);
  }

  /** What failed requests write on the console is no complaint where a test makes them fail. */
  forgive(what: RegExp): void {
    const left = this.complaints.filter((complaint) => !what.test(complaint));
    this.complaints.splice(0, Number.POSITIVE_INFINITY, ...left);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.context.close();
  }

  async #watch(): Promise<void> {
    const { complaints, context } = this;
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    context.on("weberror", (error) => complaints.push(String(error.error())));
    context.on("request", (request) => {
      const { protocol, host, href } = new URL(request.url());
      if (/^(https?|wss?):$/.test(protocol) && !this.#hosts.has(host)) {
        complaints.push(`asked ${href}`);
      }
    });
    await context.exposeFunction("reportViolation", (what: string) => complaints.push(what));
    await context.addInitScript(REPORT_VIOLATIONS);
  }
}
