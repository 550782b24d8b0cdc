import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { expect, test } from "@jest/globals";
import whole from "mime-db";

interface Type {
  readonly extensions?: readonly string[];
}

const SERVICE = join(__dirname, "..", "..", "..", "service");
const lean: Record<string, Type> = JSON.parse(
  readFileSync(join(SERVICE, "lean", "mimeDb.json"), "utf8"),
);

test("each type is what mime-db says about it", () => {
  for (const [name, type] of Object.entries(lean))
    expect([name, type]).toEqual([name, whole[name]]);
});

test("the type of every file that the service sends is known", () => {
  const extensions = Object.values(lean).flatMap((type) => type.extensions ?? []);
  for (const folder of ["http/public", "reels/clips"]) {
    for (const name of readdirSync(join(SERVICE, folder))) {
      expect(extensions).toContain(extname(name).slice(1));
    }
  }
});

test("so are those of what Express writes and reads by name", () => {
  const extensions = Object.values(lean).flatMap((type) => type.extensions ?? []);
  for (const name of ["html", "json", "txt", "bin", "js"]) expect(extensions).toContain(name);
  for (const name of ["application/x-www-form-urlencoded", "multipart/form-data"]) {
    expect(lean).toHaveProperty([name]);
  }
});
