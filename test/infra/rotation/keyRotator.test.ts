import { expect, test } from "@jest/globals";
import { PROGRAM_ENVIRONMENT } from "../../../service/contract/environment.ts";
import { ALL_SETTINGS } from "../../../service/contract/serviceSettings.ts";
import { declared, environmentOf, input, ROTATOR, SECRET, variable, WEB } from "../select.ts";

const PUSH = "gcp:pubsub/subscription:Subscription rotator";
const AUDIENCE = "projects/acme-phoenix/locations/europe-west1/services/phoenix-prod-rotator";
const DEAD_LETTERS = "gcp:pubsub/subscription:Subscription rotator-dead-letters";

test("the rotator runs the same bundle with another entry, and has internal ingress", async () => {
  const { get } = await declared("prod");
  const [web, rotator] = [get(WEB), get(ROTATOR)];
  expect(rotator.inputs.ingress).toBe("INGRESS_TRAFFIC_INTERNAL_ONLY");
  expect(rotator.inputs).not.toHaveProperty("invokerIamDisabled");
  expect(input(rotator, "template.containers.0.args")).toEqual([
    "--min-semi-space-size=4",
    "--max-semi-space-size=4",
    "rotator.js",
  ]);
  for (const same of ["image", "baseImageUri", "commands", "sourceCode"]) {
    const path = `template.containers.0.${same}`;
    expect([same, input(rotator, path)]).toEqual([same, input(web, path)]);
  }
});

test("in an image it runs the same entry", async () => {
  const image = `europe-docker.pkg.dev/acme/phoenix/web@sha256:${"a".repeat(64)}`;
  const { get } = await declared("prod", { "phoenix:image": image });
  expect(input(get(ROTATOR), "template.containers.0")).toMatchObject({
    image,
    args: ["--min-semi-space-size=4", "--max-semi-space-size=4", "rotator.js"],
  });
});

test("its environment has the contract's variables, and the web service's secret", async () => {
  const { get } = await declared("prod");
  const names = environmentOf(get(ROTATOR)).map(({ name }) => name);
  const settings = ALL_SETTINGS.filter(([, { readBy }]) => readBy.includes("rotator"));
  expect(names.toSorted()).toEqual(
    [...PROGRAM_ENVIRONMENT.rotator, ...settings.map(([, { variable }]) => variable)].toSorted(),
  );
  expect(variable(get(ROTATOR), "SECRET_KEY")).toBe(variable(get(WEB), "SECRET_KEY"));
});

test("it handles one request at a time, scales to zero, and can be deleted", async () => {
  const { get } = await declared("prod");
  const { inputs, options } = get(ROTATOR);
  expect(inputs.template).toMatchObject({
    scaling: { minInstanceCount: 0, maxInstanceCount: 1 },
    maxInstanceRequestConcurrency: 1,
    serviceAccount: "phoenix-prod-rotator@acme-phoenix.iam.gserviceaccount.com",
  });
  expect(input(get(ROTATOR), "template.containers.0.resources.cpuIdle")).toBe(true);
  expect([inputs.deletionProtection, options.protect]).toEqual([false, false]);
});

test("only SECRET_ROTATE is pushed, with a token for the rotator", async () => {
  const { get } = await declared("prod");
  expect(get(PUSH).inputs).toMatchObject({
    topic: "projects/acme-phoenix/topics/phoenix-prod-secret-events",
    filter: 'attributes.eventType="SECRET_ROTATE"',
    pushConfig: {
      // Internal ingress accepts a push only at the URL that Cloud Run computed.
      pushEndpoint: "https://phoenix-prod-rotator-abcdefghij-ew.a.run.app/",
      oidcToken: {
        serviceAccountEmail: "phoenix-prod-push@acme-phoenix.iam.gserviceaccount.com",
        audience: AUDIENCE,
      },
    },
  });
});

test("the rotator gets the expected audience and account, which Cloud Run accepts too", async () => {
  const { get } = await declared("prod");
  const { serviceAccountEmail } = input(get(PUSH), "pushConfig.oidcToken") as Record<
    string,
    string
  >;
  expect(variable(get(ROTATOR), "PUSH_AUDIENCE")).toBe(AUDIENCE);
  expect(variable(get(ROTATOR), "PUSH_ACCOUNT")).toBe(serviceAccountEmail);
  expect(get(ROTATOR).inputs.customAudiences).toEqual([AUDIENCE]);
});

test("a failed push is retried for hours, and then kept for a month", async () => {
  const { get, before } = await declared("prod");
  expect(get(PUSH).inputs).toMatchObject({
    retryPolicy: { minimumBackoff: "10s", maximumBackoff: "600s" },
    deadLetterPolicy: {
      deadLetterTopic: "projects/acme-phoenix/topics/phoenix-prod-rotation-dead-letters",
      maxDeliveryAttempts: 20,
    },
  });
  expect(get(DEAD_LETTERS).inputs).toMatchObject({
    topic: "phoenix-prod-rotation-dead-letters",
    messageRetentionDuration: "2678400s",
  });
  expect(before(PUSH)).toContain(
    "gcp:pubsub/topicIAMMember:TopicIAMMember rotator-dead-letters-publisher",
  );
});

test("subscriptions never expire", async () => {
  const { get } = await declared("prod");
  for (const id of [PUSH, DEAD_LETTERS]) {
    expect(get(id).inputs.expirationPolicy).toEqual({ ttl: "" });
  }
});

test("the subscription depends on the rotator and on the grant to call it", async () => {
  const { before } = await declared("prod");
  expect([...before(PUSH)]).toEqual(
    expect.arrayContaining([
      "gcp:cloudrunv2/serviceIamMember:ServiceIamMember rotator-invoker",
      "gcp:serviceaccount/iAMMember:IAMMember rotator-push-token-creator",
      "gcp:projects/serviceIdentity:ServiceIdentity pubsub-identity",
      ROTATOR,
    ]),
  );
  expect([...before(ROTATOR)]).toEqual(
    expect.arrayContaining([
      "gcp:secretmanager/secretIamMember:SecretIamMember rotator-secretVersionManager",
      "gcp:projects/service:Service run",
      SECRET,
    ]),
  );
});

test("the web service does not depend on the rotator, nor the secret on any service", async () => {
  const { before } = await declared("prod");
  expect([...before(WEB)].filter((id) => id.includes("rotator"))).toEqual([]);
});
