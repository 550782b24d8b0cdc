import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const ROOT = join(import.meta.dirname, "..", "..");
const table = readFileSync(join(ROOT, "test", "ASVS.md"), "utf8");

/** Number of requirements in each section of ASVS 5.0.0 that the table covers. */
const SECTIONS: Record<string, number> = {
  "3.3": 5,
  "7.1": 3,
  "7.2": 4,
  "7.3": 2,
  "7.4": 5,
  "7.5": 3,
  "7.6": 2,
  "9.1": 3,
  "9.2": 4,
  "11.1": 4,
  "11.2": 5,
  "11.3": 5,
  "11.4": 4,
  "11.5": 2,
  "11.6": 2,
  "11.7": 2,
  "13.3": 4,
  "14.3": 3,
};

/** Rows by the requirement's number. */
const rows = new Map(
  [...table.matchAll(/^\| ([\d.]+) \([123]\) \|([^|]+)\|([^|]+)\|(.+)\|$/gm)].map(
    ([, number = "", , verdict = "", how = ""]) => [number, { verdict: verdict.trim(), how }],
  ),
);

test("each requirement has one row, with a summary and a verdict", () => {
  const expected = Object.entries(SECTIONS).flatMap(([section, count]) =>
    Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
  );
  expect([...rows.keys()].sort()).toEqual([...expected, "3.5.1"].sort());
  for (const [number, { verdict, how }] of rows) {
    expect([number, verdict]).toEqual([
      number,
      expect.stringMatching(/^(?:met|in part|not met|none here)$/),
    ]);
    expect(how.trim()).not.toBe("");
  }
});

/** `NUMBER FILE` for each comment `// ASVS NUMBER, NUMBER` above a test. */
function marks(): string[] {
  const files = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => /\.(test|chaos|browser)\.ts$/.test(file))
    .flatMap((file) => {
      const source = readFileSync(join(ROOT, "test", file), "utf8");
      const comments = source.matchAll(/^ *\/\/ ASVS ([\d., ]+)\n *(?=test\b|inTerminal\b)/gm);
      const numbers = [...comments].flatMap(([, list = ""]) => list.split(", "));
      return numbers.map((number) => `${number} test/${file}`);
    });
}

test("each test file that a row names has a test marked with the row's number, and vice versa", () => {
  const named = [...rows].flatMap(([number, { how }]) =>
    [...how.matchAll(/`(test\/[\w./]+\.ts)`/g)].map(([, file]) => `${number} ${file}`),
  );
  expect([...new Set(marks())].sort()).toEqual([...new Set(named)].sort());
  expect(named.length).toBeGreaterThan(50);
});

test("each source file that a row names exists", () => {
  for (const [, { how }] of rows) {
    for (const [, file = ""] of how.matchAll(/`((?:service|infra)\/[\w./]+\.ts)`/g)) {
      expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
    }
  }
});

test("each requirement that is not met is explained before the tables", () => {
  const [before = ""] = table.split("## V3.3");
  for (const [number, { verdict }] of rows) {
    if (verdict === "not met") expect(before).toContain(number);
  }
});
