import crypto from "node:crypto";
import { expect, jest, test } from "@jest/globals";
import { inject } from "light-my-request";
import { ada } from "../local/identity/users.ts";
import { createChance, seedFrom } from "./chance.ts";
import { cookieOf, createTarget, sessionOf, tokenFor } from "./target.ts";

/** HOSTILE_SEED repeats a run. */
const SEED = seedFrom(process.env.HOSTILE_SEED);
const ROUNDS = 1_500;

/**
 * Largest ratio of medians. A comparison that stops at the first wrong byte of 16 would hardly show
 * in microseconds; that there is none follows from AES-GCM, whose tag OpenSSL compares as a whole.
 * This test detects only large differences, such as a refusal before the tag is compared.
 */
const TOLERANCE = 1.5;

const { app, sealer } = createTarget();
const token = tokenFor(ada);
const [version, kid, body = "", attachment = ""] = token.split(".");
const bytes = Buffer.from(body, "base64url");

function wrongAt(index: number): string {
  const changed = Buffer.from(bytes);
  changed[index] = (changed[index] ?? 0) ^ 1;
  return [version, kid, changed.toString("base64url"), attachment].join(".");
}

function attachedTo(text: string): string {
  return [version, kid, body, text].join(".");
}

function other(character: string | undefined): string {
  return character === "A" ? "B" : "A";
}

const WRONG: Record<string, string> = {
  "first byte of the nonce": wrongAt(0),
  "first byte of the ciphertext": wrongAt(12),
  "middle of the ciphertext": wrongAt(Math.floor(bytes.length / 2)),
  "last byte of the ciphertext": wrongAt(bytes.length - 17),
  "first byte of the tag": wrongAt(bytes.length - 16),
  "last byte of the tag": wrongAt(bytes.length - 1),
  "first character of the attachment": attachedTo(other(attachment[0]) + attachment.slice(1)),
  "last character of the attachment": attachedTo(
    attachment.slice(0, -1) + other(attachment.at(-1)),
  ),
};

// ASVS 11.2.5
test("every wrong byte is refused in the same way", () => {
  for (const wrong of Object.values(WRONG)) {
    expect(sealer.open("session", wrong)).toEqual({ outcome: "tampered", kid });
  }
});

// ASVS 11.2.4
test("how long a refusal takes does not depend on where the token is wrong", () => {
  const chance = createChance(SEED);
  const names = Object.keys(WRONG);
  const samples = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1) {
    // In random order, so that other load on the machine affects all alike.
    for (const name of chance.shuffle(names)) {
      const wrong = WRONG[name] ?? "";
      const start = process.hrtime.bigint();
      sealer.open("session", wrong);
      samples.get(name)?.push(Number(process.hrtime.bigint() - start));
    }
  }
  const medians = names.map((name) => median(samples.get(name) ?? []));
  const ratio = Math.max(...medians) / Math.min(...medians);
  expect({ seed: SEED, medians, ratio }).toMatchObject({ ratio: expect.any(Number) });
  expect(ratio).toBeLessThan(TOLERANCE);
});

// ASVS 11.2.4
test("CSRF tokens are compared as a whole, however many of their characters agree", async () => {
  const compared = jest.spyOn(crypto, "timingSafeEqual");
  const good = sessionOf(ada).csrf_token;
  const wrong = (index: number) =>
    good.slice(0, index) + other(good[index]) + good.slice(index + 1);
  const sent = [wrong(0), wrong(good.length - 1), "", "x", `${good}${good}`, good];
  for (const csrf of sent) {
    const { statusCode } = await inject(app, {
      method: "POST",
      url: "/logout",
      headers: { cookie: `session=${cookieOf(token)}`, "x-csrf-token": csrf },
    });
    expect([csrf, statusCode]).toEqual([csrf, csrf === good ? 303 : 403]);
  }
  expect(compared).toHaveBeenCalledTimes(sent.length);
  compared.mockRestore();
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
