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
  /** Console errors, policy violations, and requests to other hosts. */
  readonly complaints: string[] = [];
  readonly #site: string;
  readonly #hosts: ReadonlySet<string>;

  constructor(context: BrowserContext, page: Page, { site, provider }: Hosts) {
    this.context = context;
    this.page = page;
    this.#site = site;
    this.#hosts = new Set([site, provider].map((url) => new URL(url).host));
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

  /** Removes the complaints that match: for failures that the test causes. */
  forgive(what: RegExp): void {
    const left = this.complaints.filter((complaint) => !what.test(complaint));
    this.complaints.splice(0, Number.POSITIVE_INFINITY, ...left);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.context.close();
  }

  /** Starts to record complaints; call it before the first request. */
  async watch(): Promise<void> {
    const { complaints, context } = this;
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
