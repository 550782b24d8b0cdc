import { expect, test } from "@jest/globals";
import { createChance, seedFrom } from "../hostile/chance.ts";
import { everyPlace, everyShape, randomCookies } from "../hostile/cookies.ts";
import { LONGEST, tryCookies } from "../hostile/cookieTrial.ts";
import { createTarget, createTokens } from "../hostile/target.ts";

/** CHAOS_SEED repeats a run. */
const SEED = seedFrom(process.env.CHAOS_SEED);
const COOKIES = 110_000;

// ASVS 7.2.1
test("none of 100,000 hostile cookies is accepted, causes an error, sets a cookie or takes long", () => {
  const tokens = createTokens();
  const every = [...everyPlace(tokens), ...everyShape(tokens)];
  const random = randomCookies(tokens, createChance(SEED), COOKIES - every.length);
  const trial = tryCookies(createTarget().sessions, tokens, [...every, ...random]);
  const { tried, accepted, outcomes, slowest } = trial;
  process.stdout.write(
    `cookies: seed ${SEED}; ${tried} tried, ${accepted} good ones among them; ` +
      `${JSON.stringify(outcomes)}; slowest ${slowest.toFixed(1)} ms\n`,
  );
  expect(trial.violations).toEqual([]);
  expect(tried).toBe(COOKIES);
  expect(slowest).toBeLessThan(LONGEST);
});
