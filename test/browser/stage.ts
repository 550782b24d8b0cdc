import type { Browser, BrowserContextOptions } from "playwright-core";
import { type DeploymentOptions, LocalDeployment } from "../local/deployment.ts";
import { launchChromium } from "./chromium.ts";
import { Visit } from "./visit.ts";

/** The stack on this machine and a browser: what a file of tests plays on. */
export interface Stage extends AsyncDisposable {
  readonly deployment: LocalDeployment;
  /** Somebody with a browser of their own: no cookie, no storage, no history. */
  visit(options?: BrowserContextOptions): Promise<Visit>;
}

/** A wide window, so that library and reel stand side by side. */
const WINDOW: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/**
 * Keys change within seconds here rather than within half an hour. A new one signs after three,
 * and every instance has read it by then.
 */
export const QUICK_KEYS = {
  KEY_REFRESH_INTERVAL: "1",
  KEY_ACTIVATION_DELAY: "3",
  KEY_ABSENT_TTL: "1",
};

/** @throws ChromiumMissingError, and what LocalDeployment throws */
export async function openStage(options: DeploymentOptions = {}): Promise<Stage> {
  const browser = await launchChromium();
  try {
    const deployment = await LocalDeployment.start(options);
    return {
      deployment,
      visit: (wish) => beginVisit(browser, deployment, wish),
      async [Symbol.asyncDispose]() {
        await Promise.all([browser.close(), deployment.close()]);
      },
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function beginVisit(
  browser: Browser,
  { url, identityProvider }: LocalDeployment,
  wish: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ ...WINDOW, baseURL: url, ...wish });
  return Visit.watched(context, { site: url, provider: identityProvider.issuer });
}
