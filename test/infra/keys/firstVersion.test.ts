import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ensureFirstVersion } from "../../../infra/keys/firstVersion.ts";
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

function ensure(secretKey = `sm://${PROJECT}/${NAME}`): Promise<boolean> {
  return ensureFirstVersion({
    secretKey,
    stack: "dev",
    env: { SECRET_MANAGER_ENDPOINT: secretManager.url },
    wait: async (seconds) => {
      waits.push(seconds);
    },
  });
}

/** States of the secret's versions, the newest first. */
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
test("a secret that never had a version gets one, as a rotation makes it", async () => {
  expect(await ensure()).toBe(true);
  expect(states()).toEqual(["ENABLED"]);
  const { payload } = secretManager.standIn.store.access(PROJECT, NAME, "1");
  expect(Buffer.from(payload.data, "base64").toString()).toMatch(/^[\w-]{64}$/);
});

test("a second time nothing is added", async () => {
  await ensure();
  expect(await ensure()).toBe(false);
  expect(states()).toEqual(["ENABLED"]);
});

test("a secret whose first version is destroyed and whose second is enabled stays as it is", async () => {
  const { store } = secretManager.standIn;
  await ensure();
  store.add(PROJECT, NAME, { data: Buffer.from("k".repeat(32)).toString("base64") });
  store.destroy(PROJECT, NAME, "1");
  expect(await ensure()).toBe(false);
  expect(states()).toEqual(["ENABLED", "DESTROYED"]);
});

test.each(["disable", "destroy"] as const)(
  "where the only version was %sed no version is added, and the deployment is refused with the remedy",
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

test("a list that lags hides no version that is there", async () => {
  await ensure();
  secretManager.standIn.setLag(3600);
  expect(await ensure()).toBe(false);
  secretManager.standIn.setLag(0);
  expect(states()).toEqual(["ENABLED"]);
});

describe("Secret Manager that does not answer as it should", () => {
  test.each(["forbidden", "exhausted", "unavailable", "unreachable"] as const)(
    "(%s) is asked again after ten seconds, and one version is added",
    async (fault) => {
      secretManager.standIn.fail({ fault, times: 3 });
      expect(await ensure()).toBe(true);
      expect(states()).toEqual(["ENABLED"]);
      expect(waits.length).toBeGreaterThan(0);
      expect(new Set(waits)).toEqual(new Set([10]));
    },
  );

  test("after it added a version is asked again, and adds no other", async () => {
    secretManager.standIn.fail({ fault: "lostAnswer", on: ["add"], times: 1 });
    expect(await ensure()).toBe(false);
    expect(states()).toEqual(["ENABLED"]);
  });

  test("for longer than three minutes ends the deployment", async () => {
    secretManager.standIn.fail({ fault: "unavailable" });
    expect((await refusal(ensure())).code).toBe("SECRET_MANAGER_SERVER_ERROR");
    expect(waits).toHaveLength(18);
  });

  test("because there is no such secret is not asked again", async () => {
    expect((await refusal(ensure(`sm://${PROJECT}/another`))).code).toBe(
      "SECRET_MANAGER_NOT_FOUND",
    );
    expect(waits).toEqual([]);
  });
});

test("only Google and this machine are asked", async () => {
  const asked = ensureFirstVersion({
    secretKey: `sm://${PROJECT}/${NAME}`,
    stack: "dev",
    env: { SECRET_MANAGER_ENDPOINT: "http://10.0.0.1" },
  });
  expect((await refusal(asked)).code).toBe("CONFIG_INVALID");
});
