import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** No usable Chromium was found. */
export class ChromiumMissingError extends Error {
  readonly code = "CHROMIUM_MISSING";

  constructor(cause: string) {
    super(
      `${cause} Install one (Debian: \`apt-get install chromium\`), or set CHROMIUM_PATH to the ` +
        "program of one that is installed.",
    );
    this.name = "ChromiumMissingError";
  }
}

/** The machine on which a browser is looked for. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly isProgram: (path: string) => boolean;
}

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/** Locations of installers that add nothing to PATH. */
const PLACES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  win32: [
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
  ],
};

const THIS_MACHINE: Machine = { env: process.env, platform: process.platform, isProgram };

/**
 * Path of Chromium or Chrome: CHROMIUM_PATH, or else the first one found.
 *
 * @throws ChromiumMissingError
 */
export function findChromium({ env, platform, isProgram }: Machine = THIS_MACHINE): string {
  const said = env.CHROMIUM_PATH;
  if (said) {
    if (isProgram(said)) return said;
    throw new ChromiumMissingError(`CHROMIUM_PATH is ${said}, which is no program.`);
  }
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [...candidates, ...(PLACES[platform] ?? [])].find(isProgram);
  if (found === undefined) {
    throw new ChromiumMissingError("The browser tests need Chromium or Chrome, and there is none.");
  }
  return found;
}

/** Flags that disable Chromium's own requests, and limit it to this machine. */
const ON_THIS_MACHINE = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-sync",
  "--no-first-run",
  "--mute-audio",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

/** Starts Chromium headless. */
export function launchChromium(): Promise<Browser> {
  // The sandbox does not work for root, as in containers.
  const root = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: findChromium(),
    args: [...ON_THIS_MACHINE, ...(root ? ["--no-sandbox"] : [])],
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
