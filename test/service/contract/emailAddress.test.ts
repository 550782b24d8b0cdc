import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  comparableAddress,
  isEmailAddress,
  parseUser,
} from "../../../service/contract/emailAddress.ts";

test.each([
  ["ada@müller.example", "ada@xn--mller-kva.example"],
  ["Ada@XN--MLLER-KVA.example", "ada@xn--mller-kva.example"],
  ["ada@mu\u0308ller.example", "ada@xn--mller-kva.example"],
  ["ada@MÜLLER.example", "ada@xn--mller-kva.example"],
  ["ada@MU\u0308LLER.example", "ada@xn--mller-kva.example"],
  ["ada@ПРИМЕР.example", "ada@xn--e1afmkfd.example"],
  ["ADA@Example.COM", "ada@example.com"],
  ["Rene\u0301@Example.com", "ren\u00e9@example.com"],
  ["ada@corp", "ada@corp"],
])("%s compares as %s", (address, comparable) => {
  expect(comparableAddress(address)).toBe(comparable);
});

test.each([
  ["the Kelvin sign", "ada@\u212aent.example", "ada@kent.example"],
  ["a full-width letter", "ada@\uff41cme.example", "ada@acme.example"],
  ["an ideographic full stop", "ada@acme\u3002example", "ada@acme.example"],
  ["a percent escape", "ada@%61cme.example", "ada@acme.example"],
  ["the dotted I", "ada@\u0130ta.example", "ada@ita.example"],
  ["the Kelvin sign in the name", "\u212aent@acme.example", "kent@acme.example"],
  ["the dotless i", "\u0131da@acme.example", "ida@acme.example"],
])("%s never makes two addresses one", (_what, lookalike, address) => {
  expect(comparableAddress(lookalike)).not.toBe(comparableAddress(address));
  expect(parseUser(lookalike)).not.toBe(parseUser(address));
});

test.each([
  '"a\\"b@x.example',
  "ada",
  "@",
  "a@b@c.example",
  "ada @x.example",
  "ada@x.example\n",
  "a,b@x.example",
])("%j is not an address", (text) => {
  expect(comparableAddress(text)).toBeUndefined();
  expect(parseUser(text)).toBeUndefined();
});

test.each(["@corp", "ada@corp", "@1.2.3.4", "@a_b.example", "@-a.example", "@a..example", "*"])(
  "%s is not a valid entry of a list of users",
  (entry) => {
    expect(parseUser(entry)).toBeUndefined();
  },
);

test("normalizing is idempotent", () => {
  fc.assert(
    fc.property(fc.emailAddress(), (address) => {
      const user = parseUser(address);
      expect(isEmailAddress(address)).toBe(true);
      expect(parseUser(user ?? "")).toBe(user);
      const domain = address.slice(address.indexOf("@"));
      expect(parseUser(domain)).toBe(domain.toLowerCase());
      expect(isEmailAddress(domain)).toBe(false);
    }),
  );
});
