import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { type DeploymentOptions, LocalDeployment } from "../local/deployment.ts";
import { launchChromium } from "./chromium.ts";
import type { Hosts, Visit } from "./visit.ts";

/** The stack on this machine and a browser: what a file of tests plays on. */
export interface Stage<Kind extends Visit> extends AsyncDisposable {
  readonly deployment: LocalDeployment;
  /** Somebody with a browser of their own: no cookie, no storage, no history. */
  visit(options?: BrowserContextOptions): Promise<Kind>;
}

/** What visitors can do: the class of their visits. */
export type VisitClass<Kind extends Visit> = new (
  context: BrowserContext,
  page: Page,
  hosts: Hosts,
) => Kind;

/** A wide window, as on a laptop. */
const WINDOW: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/**
 * Keys change within seconds here rather than within half an hour. A new one signs after three,
 * and every instance has read it by then.
 */
export const QUICK_KEYS = {
  KEY_REFRESH_INTERVAL: "1",
  KEY_ACTIVATION_DELAY: "3",
};

/** @throws ChromiumMissingError, and what LocalDeployment throws */
export async function openStage<Kind extends Visit>(
  visitClass: VisitClass<Kind>,
  options: DeploymentOptions,
): Promise<Stage<Kind>> {
  const browser = await launchChromium();
  try {
    const deployment = await LocalDeployment.start(options);
    return {
      deployment,
      visit: (wish) => beginVisit(browser, deployment, visitClass, wish),
      async [Symbol.asyncDispose]() {
        await Promise.all([browser.close(), deployment.close()]);
      },
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function beginVisit<Kind extends Visit>(
  browser: Browser,
  { url, identityProvider }: LocalDeployment,
  visitClass: VisitClass<Kind>,
  wish: BrowserContextOptions = {},
): Promise<Kind> {
  const context = await browser.newContext({ ...WINDOW, baseURL: url, ...wish });
  const hosts = { site: url, provider: identityProvider.issuer };
  const visit = new visitClass(context, await context.newPage(), hosts);
  await visit.watch();
  return visit;
}
