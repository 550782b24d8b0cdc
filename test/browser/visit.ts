import type { BrowserContext, Page } from "playwright-core";
import { application } from "../../service/application.ts";
import { signInLink } from "../../service/login/returnTo.ts";
import { ada, type LocalUser } from "../local/identity/users.ts";
import { signIn } from "../support/signIn.ts";
import { PATIENCE } from "./until.ts";

/** Reports violations of the content security policy to the test. */
const REPORT_VIOLATIONS = `addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  reportViolation(violatedDirective + " refused " + blockedURI))`;

/** URLs of the only hosts that may be requested. */
export interface Hosts {
  readonly site: string;
  readonly provider: string;
}

/** A visit: a browser context of its own, whose errors are recorded. */
export class Visit implements AsyncDisposable {
  readonly context: BrowserContext;
  /** The first tab. */
  readonly page: Page;
  readonly #complaints: string[] = [];
  readonly #forgiven: RegExp[] = [];
  readonly #site: string;
  readonly #hosts: ReadonlySet<string>;

  constructor(context: BrowserContext, page: Page, { site, provider }: Hosts) {
    this.context = context;
    this.page = page;
    this.#site = site;
    this.#hosts = new Set([site, provider].map((url) => new URL(url).host));
  }

  /** Console errors, policy violations, and requests to other hosts, without what is forgiven. */
  get complaints(): readonly string[] {
    return this.#complaints.filter(
      (complaint) => !this.#forgiven.some((what) => what.test(complaint)),
    );
  }

  /** Signs in at the provider's page, and waits for the application's. */
  async signIn({ name }: LocalUser = ada): Promise<void> {
    await this.page.goto(signInLink(application.home));
    await this.page.getByRole("button", { name }).click();
    await this.page.waitForURL(`**${application.home}`);
    await this.untilLoaded();
  }

  /** Opens the application with a new session, created without the browser, which is faster. */
  async begin(user: LocalUser = ada): Promise<void> {
    const { cookies } = await signIn(this.#site, user);
    await this.context.addCookies(
      Array.from(cookies, ([name, value]) => ({ name, value, url: this.#site })),
    );
    await this.page.goto(application.home);
    await this.untilLoaded();
  }

  /** Opens the application in a new tab, which shares cookies and storage with the first. */
  async openTab(): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(application.home);
    await this.untilLoaded(page);
    return page;
  }

  /** Waits until the application's page has loaded. */
  async untilLoaded(page: Page = this.page): Promise<void> {
    await page.locator("#sign-out").waitFor();
  }

  /** Ignores the complaints that match, whenever they come: for failures that the test causes. */
  forgive(what: RegExp): void {
    this.#forgiven.push(what);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.context.close();
  }

  /** Starts to record complaints; call it before the first request. */
  async watch(): Promise<void> {
    const { context } = this;
    const complaints = this.#complaints;
    context.setDefaultTimeout(PATIENCE);
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
