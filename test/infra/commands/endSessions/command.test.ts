import { expect, test } from "@jest/globals";
import { runEndSessionsCommand } from "../../../../infra/commands/endSessions/command.ts";
import { HELP } from "../../../../infra/commands/endSessions/options.ts";
import { MAX_LIFETIME } from "../../../../service/contract/serviceSettings.ts";
import { createEndedBench, type EndedBench, ISSUER } from "../../../support/endedBench.ts";

const OUTPUTS = { endedSessions: "gs://ended", oidcIssuer: `${ISSUER}/` };
const STACK = ["--stack", "prod", "--endpoint", "http://127.0.0.1:1"];

interface Options {
  readonly answer?: boolean;
  readonly outputs?: object | undefined;
  readonly clockOffset?: number;
}

async function run(bench: EndedBench, args: readonly string[], options: Options = {}) {
  const { answer, clockOffset = 0 } = options;
  const outputs = "outputs" in options ? options.outputs : OUTPUTS;
  const out: string[] = [];
  const err: string[] = [];
  const status = await runEndSessionsCommand(args, {
    print: (text) => out.push(text),
    tell: (text) => err.push(text),
    ask: answer === undefined ? undefined : async () => answer,
    run: async () =>
      outputs === undefined
        ? { status: 255, stdout: "", stderr: "error: no stack named 'prod' found" }
        : { status: 0, stdout: JSON.stringify(outputs), stderr: "" },
    clock: () => bench.time.now() + clockOffset,
    fetch: bench.standIn.fetch,
  });
  return { status, out: out.join("\n"), err: err.join("\n") };
}

/** The users whose sessions a new instance refuses. */
async function refused(bench: EndedBench): Promise<string[]> {
  const instance = bench.instance();
  const iat = bench.time.now() - 3600;
  const people = ["ada", "grace", "mallory"];
  const ended: string[] = [];
  for (const name of people) {
    const person = { iss: ISSUER, user_id: `id of ${name}`, user_email: `${name}@example.com` };
    const standing = await bench.time.settle(instance.check({ sid: name, iat, ...person }));
    if (standing === "ended") ended.push(name);
  }
  return ended;
}

// ASVS 7.4.5
test.each([
  ["an address", ["--user", "ada@Example.com"], ["ada"]],
  ["the provider's ID", ["--subject", "id of grace"], ["grace"]],
  ["everyone", ["--everyone"], ["ada", "grace", "mallory"]],
])("ends all sessions of %s, and reports the time", async (_what, whose, names) => {
  const bench = createEndedBench();
  const { status, out, err } = await run(bench, [...STACK, ...whose, "--yes"]);
  expect([status, err]).toEqual([0, ""]);
  const time = new Date(bench.time.now() * 1000).toISOString();
  expect(out).toContain(`that began by ${time}. Every instance refuses them within 20 s.`);
  expect(await refused(bench)).toEqual(names);
});

test("uses the server's clock, not the machine's", async () => {
  const bench = createEndedBench();
  const years = 3 * 31_536_000;
  await run(bench, [...STACK, "--everyone", "--yes"], { clockOffset: -years });
  expect(await refused(bench)).toHaveLength(3);
  // The bucket deletes objects some time after their customTime.
  for (const folder of ["people/", "feed/"]) {
    const { objects } = await bench.bucket(2).list({ prefix: folder });
    const kept = objects.map(({ name }) => {
      const { customTime } = bench.standIn.objects.get("ended", name);
      return Date.parse(String(customTime)) / 1000 - bench.time.now();
    });
    expect(Math.max(...kept)).toBe(MAX_LIFETIME);
  }
});

test("a dry run changes nothing, and neither does a declined question", async () => {
  const bench = createEndedBench();
  const dry = await run(bench, [...STACK, "--everyone", "--dry-run"]);
  expect([dry.status, dry.out]).toEqual([0, "Ends all sessions of stack prod, up to now."]);
  expect((await run(bench, [...STACK, "--everyone"], { answer: false })).status).toBe(1);
  expect(bench.standIn.calls.create).toBe(0);
  expect((await run(bench, [...STACK, "--everyone"], { answer: true })).status).toBe(0);
  expect(await refused(bench)).toHaveLength(3);
});

test("prints one JSON object for programs", async () => {
  const bench = createEndedBench();
  const args = [...STACK, "--user", "ada@example.com", "--json"];
  const planned = await run(bench, [...args, "--dry-run"]);
  const about = { stack: "prod", user: "ada@example.com" };
  expect(JSON.parse(planned.out)).toEqual({ ...about, outcome: "planned" });
  const declined = await run(bench, args, { answer: false });
  expect(JSON.parse(declined.out)).toEqual({ ...about, outcome: "declined" });
  const done = await run(bench, [...args, "--yes"]);
  const endedAt = new Date(bench.time.now() * 1000).toISOString();
  expect(JSON.parse(done.out)).toEqual({ ...about, outcome: "done", endedAt });
});

test.each([
  ["no stack", ["--everyone"], /--stack STACK/],
  ["nobody", STACK, /one of --user ADDRESS, --subject ID and --everyone/],
  ["two at once", [...STACK, "--everyone", "--user", "a@b.example"], /one of/],
  ["no address", [...STACK, "--user", "@example.com"], /one e-mail address/],
  ["an unknown option", [...STACK, "--everybody"], /Unknown option --everybody/],
  [
    "another host",
    ["--stack", "prod", "--everyone", "--endpoint", "http://10.0.0.1"],
    /--endpoint/,
  ],
  ["no terminal", [...STACK, "--everyone"], /Add --yes to make the changes/],
])("called with %s, it changes nothing and reports the mistake", async (_what, args, message) => {
  const bench = createEndedBench();
  const { status, out, err } = await run(bench, args);
  expect(status).toBe(2);
  expect(out).not.toContain("Ended");
  expect(err).toMatch(message);
  expect(bench.standIn.calls.create).toBe(0);
});

test.each([
  ["can't be read", undefined, /outputs of stack prod can't be read: error: no stack named 'prod'/],
  [
    "was deployed by an earlier version",
    {},
    /has no output endedSessions. Deploy it first: npx pulumi up --stack prod/,
  ],
  ["has no provider", { ...OUTPUTS, oidcIssuer: "" }, /has no output oidcIssuer/],
])("a stack that %s is an operator error", async (_what, outputs, message) => {
  const bench = createEndedBench();
  const { status, err } = await run(bench, [...STACK, "--subject", "1", "--yes"], { outputs });
  expect(status).toBe(1);
  expect(err).toMatch(message);
});

test("a bucket that can't be written is an error with cause and remedy", async () => {
  const bench = createEndedBench();
  bench.standIn.fail({ fault: "forbidden" });
  const { status, out, err } = await run(bench, [...STACK, "--everyone", "--yes"]);
  expect(status).toBe(1);
  expect(out).not.toContain("Ended");
  expect(err).toMatch(/^Cloud Storage answered 403.*\. Grant the account .*\.$/);
});

test("--help prints the help", async () => {
  expect(await run(createEndedBench(), ["--help"])).toEqual({ status: 0, out: HELP, err: "" });
});
