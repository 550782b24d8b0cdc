import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { type DeploymentOptions, LocalDeployment } from "../local/deployment.ts";
import { launchChromium } from "./chromium.ts";
import type { Hosts, Visit } from "./visit.ts";

/** A local deployment and a browser, shared by the tests of a file. */
export interface Stage<Kind extends Visit> extends AsyncDisposable {
  readonly deployment: LocalDeployment;
  /** Opens a browser context without cookies, storage and history. */
  visit(options?: BrowserContextOptions): Promise<Kind>;
}

/** A subclass of Visit, with the actions that an application needs. */
export type VisitClass<Kind extends Visit> = new (
  context: BrowserContext,
  page: Page,
  hosts: Hosts,
) => Kind;

/** Viewport of a laptop. */
const WINDOW: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/**
 * Shortens the timing of keys from minutes to seconds. A new key signs after three seconds, and by
 * then every instance has read it.
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
