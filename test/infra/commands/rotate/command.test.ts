import { describe, expect, test } from "@jest/globals";
import { runRotateCommand } from "../../../../infra/commands/rotate/command.ts";
import { HELP } from "../../../../infra/commands/rotate/options.ts";
import {
  createRotationBench,
  DAY,
  KNOWN_SECRETS,
  knownRandom,
  type RotationBench,
} from "../../../service/rotator/rotationBench.ts";
import { ENDPOINT, SECRET } from "../../../support/keyBench.ts";

const RESOURCE = `projects/${SECRET.project}/secrets/${SECRET.name}`;
const NAMED = ["--secret", RESOURCE, "--endpoint", ENDPOINT];
const WEEK = { PERMANENT_SESSION_LIFETIME: String(7 * DAY) };

interface RunOptions {
  readonly env?: Record<string, string>;
  /** Answer to the question; undefined: there is no terminal. */
  readonly answer?: boolean;
  readonly outputs?: object;
  readonly fetch?: typeof fetch;
}

interface Run {
  readonly status: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
  readonly questions: string[];
  readonly pulumi: (readonly string[])[];
}

/** Runs the command against the bench's secret. */
async function run(
  bench: RotationBench,
  args: readonly string[],
  { env = WEEK, answer, outputs, fetch = bench.standIn.fetch }: RunOptions = {},
): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const questions: string[] = [];
  const pulumi: (readonly string[])[] = [];
  const status = await runRotateCommand(args, {
    env,
    print: (text) => out.push(text),
    tell: (text) => err.push(text),
    ask:
      answer === undefined
        ? undefined
        : async (question) => {
            questions.push(question);
            return answer;
          },
    async run(_npx, asked) {
      pulumi.push(asked);
      return outputs === undefined
        ? { status: 255, stdout: "", stderr: "error: no stack named 'dev' found" }
        : { status: 0, stdout: JSON.stringify(outputs), stderr: "" };
    },
    random: knownRandom,
    fetch,
    accessTokens: () => Promise.reject(new Error("There are no credentials here")),
  });
  return { status, out: out.join("\n"), err: err.join("\n"), questions, pulumi };
}

/** A ring of three keys: one that no session needs, one that signs, and one that is too young. */
async function ring(): Promise<RotationBench> {
  const bench = createRotationBench();
  for (const age of [60 * DAY, 30 * DAY, 600]) {
    bench.add();
    await bench.time.advance(age);
  }
  return bench;
}

describe("a planned rotation", () => {
  test("prints the versions and the steps, and runs them with --yes", async () => {
    const bench = await ring();
    await bench.time.advance(3000);
    expect(await run(bench, [...NAMED, "--yes"])).toEqual({
      status: 0,
      out: `${RESOURCE}

VERSION  AGE      STATE    ROLE
3        60 min   ENABLED  signing
2        30 days  ENABLED  accepted
1        90 days  ENABLED  retiring

  1. Add a version. It signs in 30 min, when every instance knows it.
  2. Destroy version 1, which no session needs any more.

Added version 4.
Destroyed version 1.`,
      err: "",
      questions: [],
      pulumi: [],
    });
    expect(bench.states()).toEqual(["1 DESTROYED", "2 ENABLED", "3 ENABLED", "4 ENABLED"]);
  });

  test("adds none while the newest doesn't sign yet, which is no failure", async () => {
    const bench = await ring();
    await run(bench, [...NAMED, "--yes"]);
    const again = await run(bench, [...NAMED, "--yes"]);
    expect(again.status).toBe(0);
    expect(again.out).toContain("Version 3 was added 10 min ago, so none is added now");
    expect(again.out).toContain("There is nothing to do.");
    expect(bench.states()).toEqual(["1 DESTROYED", "2 ENABLED", "3 ENABLED"]);
  });

  test("always adds one with --again, even within the same second", async () => {
    const bench = await ring();
    await bench.time.advance(0.4);
    for (let i = 4; i < 8; i += 1) {
      expect((await run(bench, [...NAMED, "--again", "--yes"])).out).toContain(
        `Added version ${i}.`,
      );
      await bench.time.advance(0.2);
    }
  });

  test("uses the times in the environment variables", async () => {
    const bench = await ring();
    const env = {
      KEY_ACTIVATION_DELAY: "60",
      KEY_REFRESH_INTERVAL: "10",
      PERMANENT_SESSION_LIFETIME: String(60 * DAY),
    };
    const { status, out } = await run(bench, [...NAMED, "--yes"], { env });
    expect(status).toBe(0);
    expect(out).toContain("3        10 min   ENABLED  signing");
    expect(out).toContain("It signs in 60 s");
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED", "3 ENABLED", "4 ENABLED"]);
  });

  test("without a known lifetime keeps every key that the longest session could need", async () => {
    for (const env of [{}, { PERMANENT_SESSION_LIFETIME: "" }]) {
      const bench = await ring();
      const { status, out } = await run(bench, [...NAMED, "--yes"], { env });
      expect(status).toBe(0);
      expect(out).not.toContain("Destroy");
      expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED", "3 ENABLED"]);
    }
  });

  test("adds the first version of a secret", async () => {
    const bench = createRotationBench();
    const { status, out } = await run(bench, [...NAMED, "--yes"]);
    expect(status).toBe(0);
    expect(out).toContain("The secret has no versions.");
    expect(out).toContain("Added version 1.");
  });
});

describe("a rotation after a leak", () => {
  test("disables every old version, and reports when all old sessions are refused", async () => {
    const bench = await ring();
    const { status, out } = await run(bench, [...NAMED, "--compromised", "--yes"], {
      env: { KEY_REFRESH_INTERVAL: "45" },
    });
    expect(status).toBe(0);
    expect(out).toContain("Disabled version 3.\nDisabled version 2.\nDisabled version 1.");
    expect(out).toContain("Every instance refuses the old keys within 90 s from now.");
    expect(bench.states()).toEqual(["1 DISABLED", "2 DISABLED", "3 DISABLED", "4 ENABLED"]);
  });

  test("reports no time while an old version is still enabled, and exits with status 1", async () => {
    const bench = await ring();
    bench.standIn.fail({ fault: "unavailable", on: ["disable"], times: 1 });
    const { status, out, err } = await run(bench, [...NAMED, "--compromised", "--yes"]);
    expect(status).toBe(1);
    expect(out).toContain("Version 3 is unchanged: Secret Manager answered 503");
    expect(out).not.toContain("from now");
    expect(err).toContain("Run the rotation again to finish it.");
  });
});

describe("the confirmation", () => {
  test("is requested before any change", async () => {
    const bench = await ring();
    const { status, questions } = await run(bench, NAMED, { answer: true });
    expect(status).toBe(0);
    expect(questions).toEqual(["\nDo this? [y/N] "]);
    expect(bench.states()).toContain("1 DESTROYED");
  });

  test("that is declined changes nothing and gives status 1", async () => {
    const bench = await ring();
    const { status, err } = await run(bench, NAMED, { answer: false });
    expect(status).toBe(1);
    expect(err).toBe("Nothing was changed.");
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED", "3 ENABLED"]);
  });

  test("without a terminal changes nothing and gives status 2", async () => {
    const bench = await ring();
    const { status, out, err } = await run(bench, NAMED);
    expect(status).toBe(2);
    expect(out).toContain("Destroy version 1");
    expect(err).toContain("Add --yes to make the changes, or --dry-run to only show them.");
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED", "3 ENABLED"]);
  });

  test("is not requested if there are no steps", async () => {
    const bench = createRotationBench();
    bench.add();
    const { status, questions } = await run(bench, NAMED, { answer: false });
    expect([status, questions]).toEqual([0, []]);
  });

  test("with --json is requested with the steps on standard error", async () => {
    const bench = await ring();
    const { out, err } = await run(bench, [...NAMED, "--json"], { answer: true });
    expect(err).toContain("1. Destroy version 1, which no session needs any more.");
    expect(() => JSON.parse(out)).not.toThrow();
  });
});

describe("--dry-run", () => {
  test.each([[["--yes"]], [["--compromised"]], [["--again"]], [[]]])(
    "changes nothing, with %j too",
    async (more) => {
      const bench = await ring();
      const { status, out } = await run(bench, [...NAMED, "--dry-run", ...more]);
      expect(status).toBe(0);
      expect(out).toMatch(/ {2}1\. (Add a version|Destroy version 1)/);
      const { add, disable, destroy } = bench.standIn.calls;
      expect([add, disable, destroy]).toEqual([0, 0, 0]);
    },
  );
});

describe("--json", () => {
  test("prints one object with the earlier versions and each step's outcome", async () => {
    const bench = await ring();
    const { status, out, err } = await run(bench, [...NAMED, "--json", "--again", "--yes"]);
    expect([status, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual({
      secret: RESOURCE,
      reason: "planned",
      versions: [
        { version: 3, age: 600, state: "ENABLED", role: "not yet active" },
        { version: 2, age: 30 * DAY + 600, state: "ENABLED", role: "signing" },
        { version: 1, age: 90 * DAY + 600, state: "ENABLED", role: "retiring" },
      ],
      steps: [
        { action: "add", version: 4, outcome: "done" },
        { action: "destroy", version: 1, outcome: "done" },
      ],
    });
  });

  test("distinguishes a plan, a repetition and a leak", async () => {
    const bench = await ring();
    const planned = await run(bench, [...NAMED, "--json", "--dry-run"]);
    expect(JSON.parse(planned.out)).toMatchObject({
      alreadyAdded: 3,
      steps: [{ action: "destroy", version: 1, outcome: "planned" }],
    });
    const leak = await run(bench, [...NAMED, "--json", "--dry-run", "--compromised"]);
    const { steps, ...rest } = JSON.parse(leak.out);
    expect(rest).toMatchObject({ reason: "compromised", refusedWithin: 120 });
    expect(rest).not.toHaveProperty("alreadyAdded");
    expect(steps[0]).toEqual({ action: "add", outcome: "planned" });
  });

  test("contains failed steps, with the cause on standard error and status 1", async () => {
    const bench = await ring();
    bench.standIn.fail({ fault: "forbidden", on: ["add"] });
    const { status, out, err } = await run(bench, [...NAMED, "--json", "--again", "--yes"]);
    expect(status).toBe(1);
    expect(JSON.parse(out).steps).toEqual([
      { action: "add", outcome: "failed" },
      { action: "destroy", version: 1, outcome: "planned" },
    ]);
    expect(err).toContain("403");
  });
});

describe("--stack", () => {
  const outputs = {
    secretKey: `sm://${SECRET.project}/${SECRET.name}`,
    keyPolicy: { activationDelay: 900, refreshInterval: 45, sessionLifetime: 60 * DAY },
  };
  const args = ["--stack", "dev", "--endpoint", ENDPOINT];

  test("rotates the stack's secret with the stack's settings, not those of the environment", async () => {
    const bench = await ring();
    await bench.time.advance(300);
    const { status, out, pulumi } = await run(bench, [...args, "--compromised", "--yes"], {
      outputs,
      env: { KEY_REFRESH_INTERVAL: "7", PERMANENT_SESSION_LIFETIME: "60" },
    });
    expect(status).toBe(0);
    expect(pulumi).toEqual([["pulumi", "stack", "output", "--json", "--stack", "dev"]]);
    expect(out).toContain("3        15 min   ENABLED  signing");
    expect(out).toContain("1        90 days  ENABLED  accepted");
    expect(out).toContain("within 90 s from now");
  });

  test("accepts the shortest times that a stack can have", async () => {
    const keyPolicy = { activationDelay: 61, refreshInterval: 10, sessionLifetime: 60 };
    const { status, err } = await run(await ring(), [...args, "--dry-run"], {
      outputs: { ...outputs, keyPolicy },
    });
    expect([status, err]).toEqual([0, ""]);
  });

  test("with an unknown stack gives status 1 and Pulumi's error", async () => {
    const bench = await ring();
    const { status, err } = await run(bench, args);
    expect(status).toBe(1);
    expect(err).toContain("no stack named 'dev' found");
    expect(bench.standIn.calls.list).toBe(0);
  });

  test("with a stack that is not deployed gives status 1 and the command that deploys it", async () => {
    const { status, err } = await run(await ring(), args, { outputs: {} });
    expect(status).toBe(1);
    expect(err).toContain("npx pulumi up --stack dev");
  });
});

describe("the endpoint", () => {
  test("is Google's by default, with credentials", async () => {
    const bench = await ring();
    const { status, err } = await run(bench, ["--secret", RESOURCE, "--dry-run"]);
    expect(status).toBe(1);
    expect(err).toContain("gcloud auth application-default login");
    expect(bench.standIn.calls.list).toBe(0);
  });

  test("is Google's or on this machine, and nothing else", async () => {
    const bench = await ring();
    const called: string[] = [];
    const fetch: typeof globalThis.fetch = (input) => {
      called.push(String(input));
      return Promise.reject(new Error("called"));
    };
    const endpoint = ["--secret", RESOURCE, "--endpoint", "http://192.168.0.7:8085"];
    const { status, err } = await run(bench, endpoint, { fetch });
    expect(status).toBe(2);
    expect(err).toContain("--endpoint takes only http on this machine");
    expect(called).toEqual([]);
  });
});

describe("the exit status", () => {
  test("is 0 for --help, without other arguments", async () => {
    expect(await run(createRotationBench(), ["--help"])).toMatchObject({ status: 0, out: HELP });
  });

  test.each([[[]], [["--frobnicate"]], [["--secret", "nonsense"]], [["--stack", "-x"]]])(
    "is 2 for invalid arguments, with a hint at the help: %j",
    async (args) => {
      const { status, out, err } = await run(createRotationBench(), args);
      expect([status, out]).toEqual([2, ""]);
      expect(err).toMatch(/\nSee npm run rotate -- --help\.$/);
    },
  );

  test("is 1 for invalid settings, and all of them are reported", async () => {
    const env = { KEY_ACTIVATION_DELAY: "soon", PERMANENT_SESSION_LIFETIME: "never" };
    const { status, err } = await run(await ring(), NAMED, { env });
    expect(status).toBe(1);
    expect(err).toMatch(/KEY_ACTIVATION_DELAY .*\nPERMANENT_SESSION_LIFETIME /);
  });

  test("is 1 if Secret Manager can't be read, with the cause and the remedy", async () => {
    const bench = await ring();
    bench.standIn.fail({ fault: "forbidden" });
    const { status, out, err } = await run(bench, [...NAMED, "--yes"]);
    expect([status, out]).toEqual([1, ""]);
    expect(err).toMatch(/^Secret Manager answered 403: .*\. Grant the account .*\.$/);
  });

  test("is not set for a bug, which is thrown with its stack", async () => {
    const env = null as never;
    await expect(run(await ring(), NAMED, { env })).rejects.toThrow(TypeError);
  });
});

test("no output contains a payload, whatever happens", async () => {
  const written: string[] = [];
  for (const more of [["--yes"], ["--again", "--yes"], ["--compromised", "--yes", "--json"]]) {
    const bench = await ring();
    bench.standIn.fail({ fault: "internal", on: ["add"], times: 1 });
    for (let i = 0; i < 2; i += 1) {
      const { out, err } = await run(bench, [...NAMED, ...more]);
      written.push(out, err);
    }
  }
  const text = written.join();
  expect(text).toContain("Added version");
  for (const secret of [...KNOWN_SECRETS, "payload 1", "cGF5bG9hZCAx"]) {
    expect(text).not.toContain(secret);
  }
});
