import { expect, jest, test } from "@jest/globals";
import { declared } from "../select.ts";

const DOMAIN = { "phoenix:domain": "phoenix.acme.example" };
const RUN = "https://phoenix-prod-123456789012.europe-west1.run.app";
const OWN = "https://phoenix.acme.example";

/** The program's warnings if the service is deployed at an address. */
async function warnings(
  publicUrl: string | undefined,
  config: Record<string, string>,
): Promise<string[]> {
  const warn = jest.spyOn(console, "warn").mockImplementation(() => undefined);
  const asked: unknown[] = [];
  const call = (token: string, inputs: Record<string, unknown>) => {
    if (token !== "gcp:cloudrunv2/getService:getService") throw new Error("Not found.");
    asked.push(inputs);
    const envs = [
      { name: "ENVIRONMENT", value: "prod", valueSources: [] },
      ...(publicUrl === undefined ? [] : [{ name: "PUBLIC_URL", value: publicUrl }]),
    ];
    return { templates: [{ containers: [{ envs }] }] };
  };
  await declared("prod", config, { call });
  const written = warn.mock.calls.map(([text]) => String(text));
  warn.mockRestore();
  expect(asked).toEqual([
    { project: "acme-phoenix", location: "europe-west1", name: "phoenix-prod" },
  ]);
  return written;
}

test.each([
  ["to a domain", RUN, DOMAIN, OWN, "Nobody can reach"],
  ["back from a domain", OWN, {}, RUN, "Before that, remove the DNS records"],
  ["from one domain to another", "https://old.acme.example", DOMAIN, OWN, "Nobody can reach"],
])(
  "before a deployment that moves the service %s, it warns that everyone has to sign in again",
  async (_what, from, config, to, then) => {
    expect(await warnings(from, config)).toEqual([
      expect.stringMatching(
        new RegExp(
          `moves the service from ${from} to ${to}\\. Everyone has to sign in again.* ${then} `,
        ),
      ),
    ]);
  },
);

test.each([
  ["with a domain", OWN, DOMAIN],
  ["without one", RUN, {}],
  ["without PUBLIC_URL", undefined, {}],
])("an unchanged address gives no warning: a service %s", async (_what, from, config) => {
  expect(await warnings(from, config)).toEqual([]);
});

test("a first deployment gives no warning", async () => {
  const warn = jest.spyOn(console, "warn").mockImplementation(() => undefined);
  await declared("prod", DOMAIN, {});
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});
