import { beforeAll, describe, expect, test } from "@jest/globals";
import { parseWebConfig } from "../../service/config.ts";
import {
  LOCAL_ENVIRONMENT,
  PLATFORM_ENVIRONMENT,
  PROGRAM_ENVIRONMENT,
} from "../../service/contract/environment.ts";
import { ALL_SETTINGS, type Reader } from "../../service/contract/serviceSettings.ts";
import type { Environment } from "../../service/contract/settings.ts";
import { parseRotatorConfig } from "../../service/rotator/config.ts";
import { declared, environmentOf, ROTATOR, SIGN_IN, WEB } from "./select.ts";

/** All variables that the contract declares for a service. */
function contractOf(service: Reader): string[] {
  const settings = ALL_SETTINGS.filter(([, { readBy }]) => readBy.includes(service));
  return [...PROGRAM_ENVIRONMENT[service], ...settings.map(([, { variable }]) => variable)];
}

/** Variables that Cloud Run sets. */
const CLOUD_RUN = { PORT: "8080", K_SERVICE: "phoenix" };

/** A value for every setting with a variable. */
const EVERYTHING = {
  ...SIGN_IN,
  "phoenix:allowedUsers": "@acme.example",
  "phoenix:oidcTrustedDomains": "acme.example",
  "phoenix:alsoServedAt": "www.acme.example",
  "phoenix:rotationPeriod": "30d",
};

/** Placeholder for a value that Cloud Run reads from a secret. */
const FROM_SECRET = "a value from a secret";

/** The environment that a stack declares for a service. */
async function environment(stack: "dev" | "prod", service: string) {
  const { get } = await declared(stack, EVERYTHING);
  return Object.fromEntries(
    environmentOf(get(service)).map(({ name, value }) => [name, value ?? FROM_SECRET]),
  );
}

/** Runs a parser and records which variables it reads. */
function read<Config>(parse: (env: Environment) => Config, env: Record<string, string>) {
  const names = new Set<string>();
  const recording = new Proxy(env, {
    get(target, name: string) {
      names.add(name);
      return target[name];
    },
  });
  return { config: parse(recording), names };
}

describe.each(["dev", "prod"] as const)("%s", (stack) => {
  let web: Record<string, string>;
  let rotator: Record<string, string>;
  beforeAll(async () => {
    web = await environment(stack, WEB);
    rotator = await environment(stack, ROTATOR);
  });

  test("the web service accepts its declared environment", () => {
    const { config } = read(parseWebConfig, { ...CLOUD_RUN, ...web });
    expect(config).toMatchObject({
      environment: stack,
      project: "acme-phoenix",
      cookieSecure: true,
      sessionType: "cookie",
      sessionLifetime: 604_800,
      secretKey: { secret: { project: "acme-phoenix", name: `phoenix-${stack}-SECRET_KEY` } },
      signIn: {
        oidc: { clientId: "client-id", clientSecret: FROM_SECRET },
        allowedUsers: ["@acme.example"],
      },
    });
  });

  test("the rotator accepts its declared environment, and rotates the web service's secret", () => {
    const { config } = read(parseRotatorConfig, { ...CLOUD_RUN, ...rotator });
    const { config: served } = read(parseWebConfig, { ...CLOUD_RUN, ...web });
    expect(served.secretKey).toMatchObject({ secret: config.secret, endpoint: config.endpoint });
    expect(config.policy).toMatchObject({
      sessionLifetime: served.sessionLifetime,
      activationDelay: served.keyLimits.activationDelay,
    });
  });

  test("the web service reads each variable that is declared for it", () => {
    const { names } = read(parseWebConfig, { ...CLOUD_RUN, ...web });
    expect(Object.keys(web).filter((name) => !names.has(name))).toEqual([]);
  });

  test("the rotator reads each variable that is declared for it", () => {
    const { names } = read(parseRotatorConfig, { ...CLOUD_RUN, ...rotator });
    expect(Object.keys(rotator).filter((name) => !names.has(name))).toEqual([]);
  });

  test("each variable that the web service reads is declared, or for local runs only", () => {
    const { names } = read(parseWebConfig, { ...CLOUD_RUN, ...web });
    const others = [...PLATFORM_ENVIRONMENT, ...LOCAL_ENVIRONMENT] as readonly string[];
    expect([...names].filter((name) => !(name in web) && !others.includes(name))).toEqual([]);
  });

  test("each variable that the rotator reads is declared, or for local runs only", () => {
    const { names } = read(parseRotatorConfig, { ...CLOUD_RUN, ...rotator });
    const others = [...PLATFORM_ENVIRONMENT, ...LOCAL_ENVIRONMENT] as readonly string[];
    expect([...names].filter((name) => !(name in rotator) && !others.includes(name))).toEqual([]);
  });

  test("no variable for local runs is declared", () => {
    for (const name of LOCAL_ENVIRONMENT) {
      expect(web).not.toHaveProperty(name);
      expect(rotator).not.toHaveProperty(name);
    }
  });
});

/** Names of all variables that a service reads, over all forms of its settings. */
function namesReadIn(parse: (env: Environment) => unknown, forms: Record<string, string>[]) {
  return new Set(forms.flatMap((form) => [...read(parse, form).names]));
}

const SECRET = { SECRET_KEY: "sm://acme-phoenix/phoenix" };
const PUSH = { PUSH_AUDIENCE: "the rotator", PUSH_ACCOUNT: "push@acme.example" };
const BUCKET = { ENDED_SESSIONS: "gs://phoenix-ended" };
const VALUE = { SECRET_KEY: "a secret of more than thirty-two characters" };

test("the contract names every variable that the web service reads, and no other", () => {
  const contract = [...contractOf("web"), ...PLATFORM_ENVIRONMENT, ...LOCAL_ENVIRONMENT];
  expect([...namesReadIn(parseWebConfig, [{ ...SECRET, ...BUCKET }, VALUE])].toSorted()).toEqual(
    contract.toSorted(),
  );
});

test("the contract names every variable that the rotator reads, and no other", () => {
  const others = ["PORT", "SECRET_MANAGER_ENDPOINT"];
  expect([...namesReadIn(parseRotatorConfig, [{ ...SECRET, ...PUSH }])].toSorted()).toEqual(
    [...contractOf("rotator"), ...others].toSorted(),
  );
});

test("the contract names each variable once", () => {
  const web = [...contractOf("web"), ...PLATFORM_ENVIRONMENT, ...LOCAL_ENVIRONMENT];
  expect(web).toEqual([...new Set<string>(web)]);
  const rotator = contractOf("rotator");
  expect(rotator).toEqual([...new Set(rotator)]);
});
