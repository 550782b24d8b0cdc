import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { showEvents } from "./console.ts";
import type { InstanceView } from "./fleet.ts";
import type { Revision } from "./instance.ts";

const REVISION = {} as Revision;

let shown: string[];
let events: Required<ReturnType<typeof showEvents>>;
beforeEach(() => {
  jest.useFakeTimers();
  shown = [];
  events = showEvents() as typeof events;
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    // Without the time of day.
    shown.push(stripVTControlCharacters(String(text).trimEnd()).slice(10));
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

function starting(pid: number): { -readonly [Key in keyof InstanceView]: InstanceView[Key] } {
  return { id: `pid ${pid}`, pid, port: 1, state: "starting" };
}

function line(message: string, time = 0): string {
  return JSON.stringify({ severity: "INFO", time: new Date(time).toISOString(), message });
}

test("output of a starting instance is shown under its name, before it is ready", () => {
  const instance = starting(7);
  events.onLine(instance, line("the keys were read"));
  expect(shown).toEqual([]);
  Object.assign(instance, { id: "a1b2c3", state: "ready" });
  events.onReady(instance);
  events.onLine(instance, line("later"));
  expect(shown).toEqual([
    "a1b2c3  the keys were read",
    "        instance a1b2c3 is ready",
    "a1b2c3  later",
  ]);
});

test("instances that fail to start in the same way are shown once, and others separately", () => {
  const failing = [1, 2, 3].map(starting);
  for (const [index, instance] of failing.entries()) {
    events.onLine(instance, line("no SECRET_KEY", index));
    if (index === 2) events.onLine(instance, "    at somewhere else");
    instance.state = "ended";
    events.onStartFailed(instance, REVISION);
  }
  expect(shown).toEqual([
    "pid 1   no SECRET_KEY",
    "pid 3   no SECRET_KEY",
    "pid 3       at somewhere else",
  ]);
});

test("the same failure of another revision is shown again", () => {
  for (const revision of [{ ...REVISION }, { ...REVISION }]) {
    const instance = starting(1);
    events.onLine(instance, line("no SECRET_KEY"));
    events.onStartFailed(instance, revision);
  }
  expect(shown).toEqual(["pid 1   no SECRET_KEY", "pid 1   no SECRET_KEY"]);
});

test("the output of a slow start is shown", () => {
  const instance = starting(1);
  events.onLine(instance, line("can't read the keys yet"));
  jest.advanceTimersByTime(60_000);
  events.onLine(instance, line("still can't"));
  expect(shown).toEqual(["pid 1   can't read the keys yet", "pid 1   still can't"]);
  Object.assign(instance, { id: "a1b2c3", state: "ready" });
  events.onReady(instance);
  events.onLine(instance, line("later"));
  expect(shown.slice(2)).toEqual(["        instance a1b2c3 is ready", "a1b2c3  later"]);
});
