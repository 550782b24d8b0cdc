import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { readInstructions } from "./repository.ts";

const SOURCE = join(import.meta.dirname, "notes", "application.ts");

test("README.md shows the small application that the tests run", () => {
  const source = readFileSync(SOURCE, "utf8").replaceAll('"../../../service/', '"../');
  const { code } = readInstructions();
  expect(code.get("service/notes/application.ts")).toBe(source);
});

test("README.md plugs it in by one line in each of two files", () => {
  const { code } = readInstructions();
  const plugs = [...code].filter(([file]) => !file.startsWith("service/notes/"));
  expect(plugs.map(([file]) => file)).toEqual([
    "service/application.ts",
    "infra/commands/verify/application.ts",
  ]);
  for (const [, lines] of plugs) expect(lines.trim().split("\n")).toHaveLength(1);
});
