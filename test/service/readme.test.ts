import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import type { Router } from "express";
import { Browser } from "../support/browser.ts";
import { serve } from "../support/httpServer.ts";
import { sessionApp } from "../support/sessionApp.ts";

const SERVICE = join(import.meta.dirname, "..", "..", "service");
const folder = mkdtempSync(join(tmpdir(), "phoenix-readme-"));

afterAll(() => rmSync(folder, { recursive: true }));

/** Imports an example of service/README.md, by the path in its first line. */
async function example(path: string): Promise<Record<string, Router>> {
  const blocks = readFileSync(join(SERVICE, "README.md"), "utf8").matchAll(/```ts\n(.*?)```/gs);
  const code = [...blocks].map(([, text = ""]) => text).find((text) => text.includes(path));
  if (code === undefined) throw new Error(`The README shows no ${path}.`);
  const file = join(folder, path.replaceAll("/", "-"));
  // The example is run from another folder than its path says.
  const placed = code
    .replaceAll('from "../', `from "${SERVICE}/`)
    .replaceAll('from "express"', `from "${require.resolve("express")}"`);
  writeFileSync(file, placed.replace(/declare module .*?\n}\n/s, ""));
  return import(file);
}

test("the README's examples of sessions work", async () => {
  const { visits } = await example("service/visits/routes.ts");
  const { signIn } = await example("service/visits/signIn.ts");
  if (visits === undefined || signIn === undefined) throw new Error("An export is missing.");
  await using site = await serve(sessionApp({}, (app) => app.use(visits, signIn)).app);
  const browser = new Browser(site.url);
  expect((await browser.fetch("/visits")).headers.get("location")).toMatch(/^\/login\?/);
  await browser.fetch("/in", { method: "POST" });
  for (const count of [1, 2]) {
    const response = await browser.fetch("/visits");
    expect(await response.json()).toEqual({ user: "ada@example.com", visits: count });
  }
  await browser.fetch("/out", { method: "POST" });
  expect(browser.cookies.size).toBe(0);
});
