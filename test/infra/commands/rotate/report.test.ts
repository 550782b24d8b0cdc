import { describe, expect, test } from "@jest/globals";
import {
  describeResult,
  describeSteps,
  describeVersions,
  type RotationOverview,
  versionRows,
} from "../../../../infra/commands/rotate/report.ts";
import type { SecretVersion } from "../../../../service/google/secretVersions.ts";
import type { KeyVersion } from "../../../../service/keys/keyRing.ts";
import {
  planRotation,
  type RotationPolicy,
  type RotationReason,
} from "../../../../service/rotator/plan.ts";
import { DAY, POLICY } from "../../../service/rotator/rotationBench.ts";

const NOW = 100_000_000;

function version(number: number, age: number, rest: Partial<KeyVersion> = {}): KeyVersion {
  return { version: number, state: "ENABLED", createTime: NOW - age, ...rest };
}

function overview(
  versions: readonly KeyVersion[],
  reason: RotationReason = "planned",
  change: Partial<RotationPolicy> = {},
): RotationOverview {
  const policy = { ...POLICY, ...change };
  const plan = planRotation(versions, policy, NOW, reason);
  return { versions, policy, refreshInterval: 60, now: NOW, reason, plan };
}

const RING = [
  version(1, 90 * DAY, { state: "DESTROYED" }),
  version(2, 80 * DAY, { state: "DISABLED", scheduledDestroyTime: NOW + DAY }),
  version(3, 70 * DAY),
  version(4, 30 * DAY, { state: "DISABLED" }),
  version(5, 20 * DAY),
  version(6, 3 * DAY),
  version(11, 600),
];

describe("the table", () => {
  test("lists each version that is not destroyed, newest first, with its role", () => {
    expect(describeVersions(overview(RING))).toBe(
      [
        "VERSION  AGE      STATE     ROLE",
        "11       10 min   ENABLED   not yet active",
        "6        3 days   ENABLED   signing",
        "5        20 days  ENABLED   accepted",
        "4        30 days  DISABLED  retiring",
        "3        70 days  ENABLED   retiring",
        "2        80 days  DISABLED  being destroyed",
      ].join("\n"),
    );
  });

  test("shows the only enabled version as signing, however young it is", () => {
    const versions = [version(1, 10), version(2, 5, { state: "DISABLED" })];
    expect(versionRows(overview(versions))).toMatchObject([
      { version: 2, role: "disabled" },
      { version: 1, role: "signing" },
    ]);
  });

  test("is replaced by a sentence if there are no versions", () => {
    expect(describeVersions(overview([]))).toBe("The secret has no versions.");
  });

  test("never contains a negative age, even with clock skew", () => {
    expect(versionRows(overview([version(1, -0.7)]))).toMatchObject([{ age: 0 }]);
    expect(Object.is(versionRows(overview([version(1, -0.3)]))[0]?.age, 0)).toBe(true);
  });
});

describe("the steps", () => {
  test("describe the action and its reason", () => {
    const versions = [version(1, 60 * DAY), version(2, 30 * DAY)];
    expect(describeSteps(overview(versions))).toBe(
      [
        "  1. Add a version. It signs in 30 min, when every instance knows it.",
        "  2. Destroy version 1, which no session needs any more.",
      ].join("\n"),
    );
  });

  test("give the reason if no version is added", () => {
    expect(describeSteps(overview([version(1, 5 * DAY), version(2, 200)]))).toBe(
      [
        "Version 2 was added 3 min ago, so none is added now (--again adds one).",
        "There is nothing to do.",
      ].join("\n"),
    );
  });

  test("say that the first version signs at once", () => {
    expect(describeSteps(overview([]))).toBe(
      "  1. Add a version. It signs as soon as an instance has read it.",
    );
  });

  test("say after a leak when all old sessions are refused", () => {
    expect(describeSteps(overview([version(1, DAY), version(2, 60)], "compromised"))).toBe(
      [
        "  1. Add a version. It signs as soon as an instance has read it.",
        "  2. Disable version 2.",
        "  3. Disable version 1.",
        "Everyone signs in once more: each instance refuses all old sessions within 120 s of the last step.",
      ].join("\n"),
    );
  });
});

test("each result is one line with the version's new state", () => {
  const old: SecretVersion = { ...version(3, DAY), project: "1" };
  const added: SecretVersion = { ...version(7, 0), project: "1" };
  const error = new Error("Secret Manager answered 503. Try again.");
  const lines = [
    describeResult({ step: { action: "add" }, outcome: "done", added }),
    describeResult({ step: { action: "add" }, outcome: "failed", error }),
    describeResult({ step: { action: "disable", version: old }, outcome: "done" }),
    describeResult({ step: { action: "destroy", version: old }, outcome: "done" }),
    describeResult({ step: { action: "destroy", version: old }, outcome: "skipped" }),
    describeResult({ step: { action: "disable", version: old }, outcome: "failed", error }),
    describeResult({ step: { action: "add" }, outcome: "failed", error: "no reason" }),
  ];
  expect(lines).toEqual([
    "Added version 7.",
    "Not added: Secret Manager answered 503. Try again.",
    "Disabled version 3.",
    "Destroyed version 3.",
    "Version 3 was changed by somebody else: left as it is.",
    "Version 3 is unchanged: Secret Manager answered 503. Try again.",
    "Not added: no reason",
  ]);
});
