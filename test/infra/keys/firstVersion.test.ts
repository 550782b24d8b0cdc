import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  ensureFirstVersion,
  type FirstVersionOptions,
  firstVersionOnce,
} from "../../../infra/keys/firstVersion.ts";
import { OperatorError } from "../../../service/contract/errors.ts";
import { type RunningSecretManager, startSecretManager } from "../../local/secretManager.ts";

const PROJECT = "acme-phoenix";
const NAME = "phoenix-dev-SECRET_KEY";

let secretManager: RunningSecretManager;
let waits: number[];

beforeEach(async () => {
  secretManager = await startSecretManager();
  secretManager.standIn.store.createSecret(PROJECT, NAME);
  waits = [];
});

afterEach(() => secretManager.close());

function optionsFor(secretKey = `sm://${PROJECT}/${NAME}`): FirstVersionOptions {
  return {
    secretKey,
    stack: "dev",
    env: { SECRET_MANAGER_ENDPOINT: secretManager.url },
    wait: async (seconds) => {
      waits.push(seconds);
    },
  };
}

function ensure(secretKey?: string): Promise<boolean> {
  return ensureFirstVersion(optionsFor(secretKey));
}

/** States of the secret's versions, newest first. */
function states(): string[] {
  const { store } = secretManager.standIn;
  const { versions = [] } = store.list(PROJECT, NAME, { filter: "", pageSize: 100, pageToken: "" });
  return versions.map(({ state }) => state);
}

async function refusal(action: Promise<unknown>): Promise<OperatorError> {
  const error: unknown = await action.catch((thrown: unknown) => thrown);
  if (error instanceof OperatorError) return error;
  throw error;
}

// ASVS 11.5.1
test("a secret that never had a version gets one, with a payload as of a rotation", async () => {
  expect(await ensure()).toBe(true);
  expect(states()).toEqual(["ENABLED"]);
  const { payload } = secretManager.standIn.store.access(PROJECT, NAME, "1");
  expect(Buffer.from(payload.data, "base64").toString()).toMatch(/^[\w-]{64}$/);
});

test("services of several regions that are created at the same time share one version", async () => {
  const before = firstVersionOnce(optionsFor());
  await Promise.all([before(), before(), before()]);
  expect(states()).toEqual(["ENABLED"]);
});

test("a second call adds nothing", async () => {
  await ensure();
  expect(await ensure()).toBe(false);
  expect(states()).toEqual(["ENABLED"]);
});

test("a secret with a destroyed and an enabled version is unchanged", async () => {
  const { store } = secretManager.standIn;
  await ensure();
  store.add(PROJECT, NAME, { data: Buffer.from("k".repeat(32)).toString("base64") });
  store.destroy(PROJECT, NAME, "1");
  expect(await ensure()).toBe(false);
  expect(states()).toEqual(["ENABLED", "DESTROYED"]);
});

test.each(["disable", "destroy"] as const)(
  "if the only version was %sed, none is added, and the deployment is refused with a remedy",
  async (action) => {
    await ensure();
    secretManager.standIn.store[action](PROJECT, NAME, "1");
    const error = await refusal(ensure());
    expect(error.code).toBe("NO_ENABLED_VERSION");
    expect(error.message).toContain("`npm run rotate -- --stack dev`");
    expect(error.message).toContain(
      `\`gcloud secrets versions enable N --secret ${NAME} --project ${PROJECT}\``,
    );
    expect(states()).toHaveLength(1);
  },
);

test("a lagging list does not hide a version", async () => {
  await ensure();
  secretManager.standIn.setLag(3600);
  expect(await ensure()).toBe(false);
  secretManager.standIn.setLag(0);
  expect(states()).toEqual(["ENABLED"]);
});

describe("an error of Secret Manager", () => {
  test.each(["forbidden", "exhausted", "unavailable", "unreachable"] as const)(
    "(%s) is retried after ten seconds, and one version is added",
    async (fault) => {
      secretManager.standIn.fail({ fault, times: 3 });
      expect(await ensure()).toBe(true);
      expect(states()).toEqual(["ENABLED"]);
      expect(waits.length).toBeGreaterThan(0);
      expect(new Set(waits)).toEqual(new Set([10]));
    },
  );

  test("after a version was added is retried, and adds no other", async () => {
    secretManager.standIn.fail({ fault: "lostAnswer", on: ["add"], times: 1 });
    expect(await ensure()).toBe(false);
    expect(states()).toEqual(["ENABLED"]);
  });

  test("that lasts longer than three minutes fails the deployment", async () => {
    secretManager.standIn.fail({ fault: "unavailable" });
    expect((await refusal(ensure())).code).toBe("SECRET_MANAGER_SERVER_ERROR");
    expect(waits).toHaveLength(18);
  });

  test("about a missing secret is not retried", async () => {
    expect((await refusal(ensure(`sm://${PROJECT}/another`))).code).toBe(
      "SECRET_MANAGER_NOT_FOUND",
    );
    expect(waits).toEqual([]);
  });
});

test("the endpoint is Google's or on this machine", async () => {
  const asked = ensureFirstVersion({
    secretKey: `sm://${PROJECT}/${NAME}`,
    stack: "dev",
    env: { SECRET_MANAGER_ENDPOINT: "http://10.0.0.1" },
  });
  expect((await refusal(asked)).code).toBe("CONFIG_INVALID");
});
