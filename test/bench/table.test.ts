import { expect, test } from "@jest/globals";
import { formatNumber, formatShare, renderTable } from "./table.ts";

test("columns are as wide as their widest cell; text is left-aligned and numbers right-aligned", () => {
  const table = renderTable<{ name: string; value: number }>(
    [
      { heading: "Server", cell: ({ name }) => name, align: "left" },
      { heading: "req/s", cell: ({ value }) => formatNumber(value) },
    ],
    [
      { name: "Express", value: 12_345 },
      { name: "a longer name", value: 7 },
    ],
  );
  expect(table).toBe(
    [
      "Server          req/s",
      "-------------  ------",
      "Express        12,345",
      "a longer name       7",
      "",
    ].join("\n"),
  );
});

test("a table without rows has only its heading", () => {
  expect(renderTable([{ heading: "A", cell: () => "" }], [])).toBe("A\n-\n");
});

test("an unknown number is a dash", () => {
  expect(formatNumber(undefined)).toBe("-");
  expect(formatNumber(Number.NaN, 2)).toBe("-");
  expect(formatNumber(1234.5, 2)).toBe("1,234.50");
  expect(formatShare(Number.NaN)).toBe("-");
  expect(formatShare(0.126)).toBe("13 %");
});
