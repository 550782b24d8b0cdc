import type { BrowserContext, Page } from "playwright-core";
import { application } from "../../service/application.ts";
import { signInLink } from "../../service/login/returnTo.ts";
import { ada, type LocalUser } from "../local/identity/users.ts";
import { signIn } from "../support/signIn.ts";

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

  constructor(context: BrowserContext, page: Page, { site, provider }: Hosts) {
    this.context = context;
    this.page = page;
    this.#site = site;
    this.#hosts = new Set([site, provider].map((url) => new URL(url).host));
  }

  /** Signs in at the provider's page and waits for the application's. */
  async signIn({ name }: LocalUser = ada): Promise<void> {
    await this.page.goto(signInLink(application.home));
    await this.page.getByRole("button", { name }).click();
    await this.page.waitForURL(`**${application.home}`);
    await this.untilLoaded();
  }

  /** Opens the application with a session of its own, which was begun without a browser: quicker. */
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

  /** Waits until the application's page is there. */
  async untilLoaded(page: Page = this.page): Promise<void> {
    await page.locator("#sign-out").waitFor();
  }

  /** What failed requests write on the console is no complaint where a test makes them fail. */
  forgive(what: RegExp): void {
    const left = this.complaints.filter((complaint) => !what.test(complaint));
    this.complaints.splice(0, Number.POSITIVE_INFINITY, ...left);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.context.close();
  }

  /** Begins to watch; comes before anything is asked for. */
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
