import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { rotatorEnvironment, webEnvironment } from "../../../infra/config/environment.ts";
import { parseConfig } from "../../../infra/config/stackConfig.ts";
import { parseWebConfig } from "../../../service/config.ts";
import { ConfigError } from "../../../service/contract/errors.ts";
import { ALL_SETTINGS } from "../../../service/contract/serviceSettings.ts";
import { parseRotatorConfig } from "../../../service/rotator/config.ts";
import { anyText, anyUrl } from "../../support/arbitraries.ts";
import { stackConfig } from "../../support/declaredStack.ts";

const SECRET_KEY = "sm://acme-phoenix/phoenix-dev-SECRET_KEY";
const NASTY = [
  "",
  " ",
  "\n",
  "0",
  "-1",
  "1e3",
  "0x10",
  "１２",
  "9007199254740993",
  "true",
  "True",
  "null",
  "\u0000",
  "\u202e",
  'a"b',
  "a,b",
  '"a\\"b@x.example"',
  "@corp",
  "ada@müller.example",
  "ada@MÜLLER.example",
  "ada@\u212aent.example",
  "@xn--mller-kva.example",
  "ada @x.example",
  "@",
  "@1.2.3.4",
  "ada@example.com,,@example.org, ,",
  "https://id.example/.well-known/openid-configuration",
  "https://id.example/.well-known%2fopenid-configuration",
  "https://id.example/tenant/v2.0/",
  "HTTPS://ID.example",
  "http://127.0.0.1:9000",
  "http:id.example",
  "https://user:pw@id.example",
  "https://id.example?x",
  "https://id.example#",
  "https://müller.example",
  "\thttps://id.example",
  "https://id.example/a b",
];
/** Values at and next to the bounds of all numbers. */
const NUMBERS = [9, 10, 59, 60, 61, 180, 250, 3600, 3601, 86_400, 86_401, 34_560_000, 34_560_001];
const SETTINGS = [
  "logLevel",
  "sessionCookieSecure",
  "sessionLifetime",
  "allowedUsers",
  "keyActivationDelay",
  "keyRefreshInterval",
  "maxInstances",
];

const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.constantFrom(...NUMBERS).map(String),
  fc.constantFrom("info", "fatal", "@acme.example", "https://accounts.google.com"),
  fc.emailAddress(),
  anyUrl,
  anyText({ maxLength: 20 }),
);
const oneOrAnother = (usual: string) => fc.oneof(fc.constant(usual), text);
const signIn = fc.record({
  oidcIssuer: oneOrAnother("https://accounts.google.com"),
  oidcClientId: oneOrAnother("client-id"),
  oidcClientSecret: oneOrAnother("client secret"),
});
const changes = fc
  .tuple(fc.dictionary(fc.constantFrom(...SETTINGS), text, { maxKeys: 2 }), fc.option(signIn))
  .map(([some, all]): Record<string, string> => ({ ...all, ...some }));
const FILES: Record<string, Record<string, string>> = {
  dev: stackConfig("dev"),
  prod: stackConfig("prod"),
  x: stackConfig("x"),
};

test("the services start with every configuration that the program accepts", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom("dev", "prod", "x"), changes, (environment, changed) => {
      const values: Record<string, string> = {
        ...FILES[environment],
        "gcp:project": "acme-phoenix",
        "gcp:region": "europe-west1",
        "phoenix:allowedUsers": "@acme.example",
        ...Object.fromEntries(
          Object.entries(changed).map(([name, value]) => [`phoenix:${name}`, value]),
        ),
      };
      let config: ReturnType<typeof parseConfig>;
      try {
        config = parseConfig(values, { product: "phoenix", environment });
      } catch (error) {
        if (error instanceof ConfigError) return;
        throw error;
      }
      accepted += 1;
      const clientSecret = values["phoenix:oidcClientSecret"]?.trim();
      const onCloudRun = { K_SERVICE: "phoenix", PORT: "8080" };
      const web = parseWebConfig({
        ...onCloudRun,
        ...webEnvironment(config, SECRET_KEY, "https://phoenix.example", "gs://phoenix-ended"),
        ...(clientSecret && { OIDC_CLIENT_SECRET: clientSecret }),
      });
      const rotator = parseRotatorConfig({
        ...onCloudRun,
        ...rotatorEnvironment(config, SECRET_KEY),
      });
      expect({
        lifetime: web.sessionLifetime,
        users: web.signIn.allowedUsers,
        rotatorsLifetime: rotator.policy.sessionLifetime,
        rotatorsDelay: rotator.policy.activationDelay,
      }).toEqual({
        lifetime: config.service.values.sessionLifetime,
        users: config.service.values.allowedUsers,
        rotatorsLifetime: config.service.values.sessionLifetime,
        rotatorsDelay: config.service.values.keyActivationDelay,
      });
    }),
    { numRuns: 1000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test.each([
  ["allowedUsers", '"a\\"b@x.example"', "refused"],
  ["allowedUsers", "@corp", "refused"],
  ["allowedUsers", "ada@müller.example", "ada@xn--mller-kva.example"],
  ["oidcIssuer", "https://id.example/.well-known/openid-configuration", "refused"],
])("%s %s is %s by both", (setting, value, expected) => {
  const values = {
    ...stackConfig("dev"),
    "gcp:project": "acme-phoenix",
    "phoenix:oidcIssuer": "https://id.example",
    "phoenix:oidcClientId": "id",
    "phoenix:oidcClientSecret": "secret",
    [`phoenix:${setting}`]: value,
  };
  const oidc = {
    OIDC_ISSUER: values["phoenix:oidcIssuer"],
    OIDC_CLIENT_ID: "id",
    OIDC_CLIENT_SECRET: "secret",
  };
  const variable = setting === "oidcIssuer" ? "OIDC_ISSUER" : "ALLOWED_USERS";
  const byProgram = () => parseConfig(values, { product: "phoenix", environment: "dev" });
  const byService = () => parseWebConfig({ SECRET_KEY, ...oidc, [variable]: value });
  if (expected === "refused") {
    expect(byProgram).toThrow(ConfigError);
    expect(byService).toThrow(ConfigError);
  } else {
    expect(byProgram().service.values.allowedUsers).toEqual([expected]);
    expect(byService().signIn.allowedUsers).toEqual([expected]);
  }
});

test("Pulumi.yaml has each setting that reaches a service, with the service's own default", () => {
  const defaults = stackConfig("none");
  for (const [name, { check, fallback }] of ALL_SETTINGS) {
    const text = defaults[`phoenix:${name}`];
    const checked = text ? check(text, { cloudRun: true, environment: "x" }) : { value: fallback };
    // A developer's machine has no https.
    const expected = name === "sessionCookieSecure" ? true : fallback;
    expect([name, text, checked]).toEqual([name, expect.any(String), { value: expected }]);
  }
});
