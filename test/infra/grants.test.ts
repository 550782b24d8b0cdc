import { expect, test } from "@jest/globals";
import { ALERTS, declared, type Selected, SIGN_IN } from "./select.ts";

/** All grants of a stack as `MEMBER ROLE RESOURCE`. */
function grantsOf({ resources }: Selected): string[] {
  return resources
    .filter(({ inputs }) => "role" in inputs || "member" in inputs || "members" in inputs)
    .map(({ inputs, type }) => {
      const { secretId, topic, subscription, bucket, serviceAccountId, name } = inputs;
      const on =
        secretId ?? topic ?? subscription ?? bucket ?? serviceAccountId ?? name ?? `all of ${type}`;
      return `${inputs.member ?? inputs.members} ${inputs.role} ${on}`;
    })
    .toSorted();
}

const ACME = "acme-phoenix.iam.gserviceaccount.com";
const SECRET_MANAGER = "service-123456789012@gcp-sa-secretmanager.iam.gserviceaccount.com";
const PUBSUB = "service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com";

test("dev lets its web service read its secret, and read and add ended sessions, and no more", async () => {
  expect(grantsOf(await declared("dev"))).toEqual([
    `serviceAccount:phoenix-dev@${ACME} roles/secretmanager.secretAccessor phoenix-dev-SECRET_KEY`,
    `serviceAccount:phoenix-dev@${ACME} roles/secretmanager.viewer phoenix-dev-SECRET_KEY`,
    `serviceAccount:phoenix-dev@${ACME} roles/storage.objectCreator acme-phoenix-phoenix-dev-ended`,
    `serviceAccount:phoenix-dev@${ACME} roles/storage.objectViewer acme-phoenix-phoenix-dev-ended`,
  ]);
});

// ASVS 13.3.2
test("prod with every feature has exactly these grants", async () => {
  const web = `serviceAccount:phoenix-prod@${ACME}`;
  expect(grantsOf(await declared("prod", { ...SIGN_IN, ...ALERTS }))).toEqual(
    [
      `${web} roles/secretmanager.secretAccessor phoenix-prod-SECRET_KEY`,
      `${web} roles/secretmanager.viewer phoenix-prod-SECRET_KEY`,
      `${web} roles/storage.objectCreator acme-phoenix-phoenix-prod-ended`,
      `${web} roles/storage.objectViewer acme-phoenix-phoenix-prod-ended`,
      `${web} roles/secretmanager.secretAccessor phoenix-prod-OIDC_CLIENT_SECRET`,
      `serviceAccount:phoenix-prod-rotator@${ACME} roles/secretmanager.secretVersionManager phoenix-prod-SECRET_KEY`,
      `serviceAccount:phoenix-prod-push@${ACME} roles/run.invoker phoenix-prod-rotator`,
      `serviceAccount:${SECRET_MANAGER} roles/pubsub.publisher phoenix-prod-secret-events`,
      `serviceAccount:${PUBSUB} roles/pubsub.publisher phoenix-prod-rotation-dead-letters`,
      `serviceAccount:${PUBSUB} roles/pubsub.subscriber phoenix-prod-rotation`,
      `serviceAccount:${PUBSUB} roles/iam.serviceAccountOpenIdTokenCreator projects/acme-phoenix/serviceAccounts/phoenix-prod-push@${ACME}`,
    ].toSorted(),
  );
});

test.each([
  ["invokerIamDisabled", true, []],
  ["allUsers", false, ["allUsers roles/run.invoker phoenix-dev"]],
  ["private", false, []],
])("publicAccess %s sets the service's access and its grants", async (access, disabled, grants) => {
  const stack = await declared("dev", { "phoenix:publicAccess": access });
  const [web] = stack.ofType("gcp:cloudrunv2/service:Service");
  expect(web?.inputs.invokerIamDisabled).toBe(disabled);
  expect(grantsOf(stack).filter((grant) => grant.includes("run.invoker"))).toEqual(grants);
});

// ASVS 13.3.2
test("no account can both read and add keys", async () => {
  const grants = grantsOf(await declared("prod")).filter((grant) => grant.endsWith("-SECRET_KEY"));
  const roles = (account: string) =>
    grants.filter((grant) => grant.includes(`:${account}@`)).map((grant) => grant.split(" ")[1]);
  expect(roles("phoenix-prod")).toEqual([
    "roles/secretmanager.secretAccessor",
    "roles/secretmanager.viewer",
  ]);
  expect(roles("phoenix-prod-rotator")).toEqual(["roles/secretmanager.secretVersionManager"]);
});

test("two stacks in one project share no name", async () => {
  const names = async (stack: "dev" | "prod") => {
    const { resources } = await declared(stack, { "phoenix:rotationPeriod": "30d", ...SIGN_IN });
    return resources
      .filter(({ type }) => type.startsWith("gcp:") && !/IamMember|IAMMember/.test(type))
      .filter(({ type }) => !type.startsWith("gcp:projects/"))
      .map(({ type, inputs }) => [type, inputs.name ?? inputs.accountId ?? inputs.secretId])
      .filter(([, name]) => name !== undefined && !String(name).endsWith(".tar.gz"))
      .map(String);
  };
  const [dev, prod] = [await names("dev"), await names("prod")];
  expect(dev.length).toBeGreaterThan(10);
  expect(dev.filter((name) => prod.includes(name))).toEqual([]);
});
