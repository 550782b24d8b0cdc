import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { inject } from "light-my-request";
import { createChance, seedFrom } from "./chance.ts";
import { everyPlace, everyShape, randomCookies } from "./cookies.ts";
import { LONGEST, tryCookies } from "./cookieTrial.ts";
import { cookieOf, createTarget, createTokens } from "./target.ts";

/** HOSTILE_SEED repeats a run. */
const SEED = seedFrom(process.env.HOSTILE_SEED);

/** One of this many cookies is tried here. `npm run test:chaos` tries all. */
const SHARE = 6;
const RANDOM_COOKIES = 3_000;

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);

beforeEach(() => {
  process.on("unhandledRejection", onUnhandled);
});
afterEach(async () => {
  await new Promise(setImmediate);
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

const tokens = createTokens();
const target = createTarget();

// ASVS 7.2.1, 9.1.2
test("no hostile cookie is accepted, causes an error, sets a cookie or takes long", () => {
  const chance = createChance(SEED);
  const places = [...everyPlace(tokens)].filter(() => chance.below(SHARE) === 0);
  const random = randomCookies(tokens, chance, RANDOM_COOKIES);
  const cookies = [...everyShape(tokens), ...places, ...random];
  const trial = tryCookies(target.sessions, tokens, cookies);
  expect({ seed: SEED, ...trial }).toMatchObject({ violations: [], tried: cookies.length });
  expect(trial.slowest).toBeLessThan(LONGEST);
  const seen = ["none", "malformed", "tampered", "unknown_key", "retired_key"];
  expect(Object.keys(trial.outcomes)).toEqual(expect.arrayContaining(seen));
});

test("the trial itself works: it accepts a valid cookie, and reports one that should be refused", () => {
  const good = [tokens.ada, tokens.grace, tokens.older].map((token) => ({
    what: "good",
    header: `session=${cookieOf(token)}`,
  }));
  expect(tryCookies(target.sessions, tokens, good)).toMatchObject({ accepted: 3, violations: [] });
  const stranger = createTokens();
  expect(tryCookies(target.sessions, stranger, good).violations).toHaveLength(3);
});

test("the whole application treats a hostile cookie as no session", async () => {
  const chance = createChance(SEED);
  const every = [...everyPlace(tokens), ...everyShape(tokens)];
  const some = Array.from({ length: 400 }, () => chance.pick(every));
  const good = new Set([tokens.ada, tokens.grace, tokens.older].map(cookieOf));
  let refused = 0;
  for (const { what, header } of [...some, ...randomCookies(tokens, chance, 400)]) {
    if ([...good].some((value) => header.includes(`session=${value}`))) continue;
    const { statusCode, headers, body } = await inject(target.app, {
      url: "/api/note",
      headers: { cookie: header },
    });
    const context = { seed: SEED, what, header, statusCode, setCookie: headers["set-cookie"] };
    expect(context).toMatchObject({ statusCode: 401, setCookie: undefined });
    expect(body).not.toContain("milk");
    refused += 1;
  }
  expect(refused).toBeGreaterThan(700);
});

test("the log contains nothing of a hostile cookie, and each line has a known outcome", () => {
  const outcomes = new Set(target.lines.map(({ session }) => session));
  for (const outcome of outcomes) {
    expect(["none", "tampered", "malformed", "unknown_key", "retired_key"]).toContain(outcome);
  }
  const log = JSON.stringify(target.lines);
  for (const token of [tokens.ada, tokens.grace, tokens.older, ...tokens.foreign]) {
    expect(log).not.toContain(token.slice(10, 50));
    expect(log).not.toContain(cookieOf(token).slice(40, 80));
  }
});
