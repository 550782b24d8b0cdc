import { expect, test } from "@jest/globals";
import { ChromiumMissingError, findChromium, type Machine } from "./chromium.ts";

function machine(programs: readonly string[], change: Partial<Machine> = {}): Machine {
  return {
    env: { PATH: ["/usr/local/bin", "/usr/bin"].join(process.platform === "win32" ? ";" : ":") },
    platform: "linux",
    isProgram: (path) => programs.includes(path.replaceAll("\\", "/")),
    ...change,
  };
}

test("Chromium is preferred to Chrome", () => {
  expect(findChromium(machine(["/usr/bin/google-chrome"]))).toMatch(/google-chrome$/);
  const both = machine(["/usr/local/bin/google-chrome", "/usr/bin/chromium"]);
  expect(findChromium(both)).toMatch(/chromium$/);
});

test("on macOS it is found in the applications' folder", () => {
  const chrome = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  expect(findChromium(machine([chrome], { platform: "darwin" }))).toBe(chrome);
});

test("CHROMIUM_PATH names the browser, and a path that is not a program is an error", () => {
  const env = { PATH: "/usr/bin", CHROMIUM_PATH: "/opt/chromium" };
  const programs = ["/usr/bin/chromium", "/opt/chromium"];
  expect(findChromium(machine(programs, { env }))).toBe("/opt/chromium");
  const gone = () => findChromium(machine(["/usr/bin/chromium"], { env }));
  expect(gone).toThrow(ChromiumMissingError);
  expect(gone).toThrow("CHROMIUM_PATH is /opt/chromium, which is no program.");
});

test("without a browser the error says how to install one", () => {
  const search = () => findChromium(machine([]));
  expect(search).toThrow(ChromiumMissingError);
  expect(search).toThrow("apt-get install chromium");
});
