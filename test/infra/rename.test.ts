import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { RULES } from "../../infra/policy/rules.ts";
import { ConfigError } from "../../service/contract/errors.ts";
import { PRODUCT } from "../../service/http/product.ts";
import { evaluateStack, renamed as renameFile } from "../support/declaredStack.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const NAME = "acme-shop";
const CONFIG = {
  "gcp:project": "example-project",
  allowedUsers: "@acme.example",
  alertEmails: "oncall@acme.example",
  oidcIssuer: "https://accounts.google.com",
  oidcClientId: "client-id",
  oidcClientSecret: "the-client-secret-of-the-provider",
  publicAccess: "allUsers",
  rotationPeriod: "30d",
};

let renamed: string;
let halfRenamed: string;

beforeAll(() => {
  renamed = copy({ prefix: NAME });
  halfRenamed = copy({ prefix: "phoenix" });
});

afterAll(() => {
  for (const folder of [renamed, halfRenamed]) rmSync(folder, { recursive: true });
});

/** Copies the project's files with another name, and with a prefix in the stacks' files. */
function copy({ prefix }: { prefix: string }): string {
  const folder = mkdtempSync(join(tmpdir(), "rename-"));
  for (const file of ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"]) {
    const text = readFileSync(join(REPOSITORY, file), "utf8");
    writeFileSync(join(folder, file), renameFile(text, NAME, prefix));
  }
  return folder;
}

test.each(["dev", "prod", "local"])(
  "with another name in Pulumi.yaml and another prefix in the stacks' files, all names in %s follow it",
  async (stack) => {
    const config = stack === "local" ? { ...CONFIG, "gcp:project": `${NAME}-local` } : CONFIG;
    const { resources, outputs } = await evaluateStack(stack, config, { directory: renamed });
    expect(JSON.stringify([resources, outputs])).not.toMatch(/phoenix/i);
    const web = resources.find(
      ({ type, name }) => type.endsWith(":Service") && name === "web-europe-west1",
    );
    expect(web?.inputs.name).toBe(`${NAME}-${stack}`);
    const violations = resources.flatMap(({ type, name, inputs }) =>
      RULES.flatMap((rule) => rule.violations({ type, name, inputs, stack, product: NAME })),
    );
    expect(violations).toEqual([]);
  },
);

test("a stack's file with the old prefix is refused, not ignored", async () => {
  const evaluated = evaluateStack("dev", CONFIG, { directory: halfRenamed });
  const error: unknown = await evaluated.catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigError)) throw error;
  expect(error.problems).toContainEqual({
    setting: "phoenix:maxInstances",
    cause: `is no setting of this program; ${NAME}:maxInstances is`,
    remedy:
      "Run `npx pulumi config rm --stack dev phoenix:maxInstances`, and set " +
      `${NAME}:maxInstances if that was meant`,
  });
  expect(error.problems.every(({ setting }) => setting.startsWith("phoenix:"))).toBe(true);
});

test("pages have the product's name from one file, and README lists each file to edit", () => {
  const sources = globSync("service/**/*.{ts,css,html,js}", { cwd: REPOSITORY });
  const naming = sources.filter((file) =>
    readFileSync(join(REPOSITORY, file), "utf8").includes(PRODUCT),
  );
  expect(naming).toEqual([join("service", "http", "product.ts")]);
  const [, section] =
    /^## Give it a name of your own\n(.*?)^## /ms.exec(
      readFileSync(join(REPOSITORY, "README.md"), "utf8"),
    ) ?? [];
  for (const file of [
    ...naming,
    "Pulumi.yaml",
    "package.json",
    "Pulumi.dev.yaml",
    "Pulumi.prod.yaml",
  ]) {
    expect(section).toContain(`\`${file}\``);
  }
});
