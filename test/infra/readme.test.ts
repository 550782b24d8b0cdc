import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { stackConfig } from "../support/declaredStack.ts";

const README = readFileSync(join(import.meta.dirname, "../../infra/README.md"), "utf8");

/** Rows of the settings table: name, default, dev, prod. */
function rows(): string[][] {
  const [, section = ""] = /^## Settings\n(.*?)^## /ms.exec(README) ?? [];
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | ").map((cell) => cell.replaceAll(/^\| |`/g, "").trim()));
}

/** A setting's value in a stack's file, or a dash. */
function set(stack: string, setting: string): string {
  const value = stackConfig(stack)[`phoenix:${setting}`];
  return value === undefined || value === stackConfig("none")[`phoenix:${setting}`] ? "–" : value;
}

test("the settings table has a row for each setting, with its default", () => {
  const table = Object.fromEntries(
    rows()
      .filter(([name = ""]) => !name.startsWith("gcp:"))
      .map(([name = "", byDefault = ""]) => [name, byDefault.replace(/^empty.*/, "")]),
  );
  const defaults = Object.entries(stackConfig("none")).map(([name, value]) => [
    name.replace("phoenix:", ""),
    value,
  ]);
  expect(table).toEqual(Object.fromEntries(defaults));
});

test("the settings table shows the values of the stacks' files, if they are not the defaults", () => {
  for (const [name = "", byDefault = "", dev = "", prod = ""] of rows()) {
    if (name.startsWith("gcp:")) continue;
    const cell = (text: string) => (text === byDefault || text === "required" ? "–" : text);
    expect([name, cell(dev), cell(prod)]).toEqual([name, set("dev", name), set("prod", name)]);
  }
});
