import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { readSetting } from "../../../service/contract/serviceSettings.ts";
import { admit } from "../../../service/login/allowList.ts";

function list(text: string): readonly string[] {
  const parsed = readSetting({ ALLOWED_USERS: text }, "allowedUsers");
  if (!("value" in parsed)) throw new Error("The list was refused.");
  return parsed.value;
}

const verified = (email: string) => ({ email, verdict: "verified" as const, ofDomain: true });

test.each([
  ["an address", "ada@example.com", "ada@example.com"],
  ["an address in other case", "Ada@Example.com", "aDA@eXAMPLE.COM"],
  ["a domain", "@example.com", "anyone@example.com"],
  ["a domain in other case", "@EXAMPLE.com", "anyone@Example.Com"],
  ["one of several", "@example.org , ada@example.com,", "ada@example.com"],
  ["a domain in Unicode", "@müller.example", "ada@xn--mller-kva.example"],
  ["an address in ASCII", "ada@xn--mller-kva.example", "Ada@Müller.example"],
])("%s admits its users", (_what, text, email) => {
  expect(admit(list(text), verified(email))).toBe("allowed");
});

test.each([
  ["another user of an address's domain", "ada@example.com", "grace@example.com"],
  ["a domain under the domain", "@example.com", "ada@mail.example.com"],
  ["a domain that ends alike", "@example.com", "ada@evilexample.com"],
  ["a domain that begins alike", "@example.com", "ada@example.com.evil.example"],
  ["a domain without its end", "@example.com", "ada@example.co"],
  ["a letter that lower case makes alike", "@kent.example", "ada@\u212aent.example"],
  ["an address that contains an allowed one", "ada@example.com", "xada@example.com"],
])("%s is refused", (_what, text, email) => {
  expect(admit(list(text), verified(email))).toBe("not_allowed");
});

test.each([
  ["no address", undefined],
  ["two addresses in one", "ada@evil.example,ada@example.com"],
  ["two at signs", "ada@evil.example@example.com"],
  ["an address with white space", "ada @example.com"],
  ["an address with a line end", "evil@evil.example\n@example.com"],
  ["a domain without a user", "@example.com"],
])("%s is not an address, whatever the provider says about it", (_what, email) => {
  expect(admit(list("@example.com"), { email, verdict: "verified" as const, ofDomain: true })).toBe(
    "email_missing",
  );
});

test("an unverified address is refused, whatever the list says", () => {
  for (const text of ["", "ada@example.com", "@example.com"]) {
    const claimed = { email: "ada@example.com", verdict: "unverified" as const, ofDomain: true };
    expect(admit(list(text), claimed)).toBe("email_unverified");
  }
});

test("an address without a verdict is refused for another reason", () => {
  const claimed = { email: "ada@example.com", verdict: "unstated", ofDomain: true } as const;
  expect(admit(list("ada@example.com"), claimed)).toBe("email_unstated");
});

test("addresses and domains match in Unicode and in ASCII", () => {
  for (const [entry, email] of [
    ["@müller.example", "ada@xn--mller-kva.example"],
    ["@xn--mller-kva.example", "ada@müller.example"],
    ["ada@müller.example", "Ada@XN--mller-kva.example"],
    ["@mu\u0308ller.example", "ada@m\u00fcller.example"],
  ] as const) {
    expect(admit(list(entry), verified(email))).toBe("allowed");
  }
  expect(admit(list("@muller.example"), verified("ada@müller.example"))).toBe("not_allowed");
});

test("a domain admits only the domain's own accounts, and an address admits any account with it", () => {
  const foreign = { ...verified("ada@example.com"), ofDomain: false };
  expect(admit(list("@example.com"), foreign)).toBe("not_allowed");
  expect(admit(list("ada@example.com"), foreign)).toBe("allowed");
  expect(admit(list("@example.com, ada@example.com"), foreign)).toBe("allowed");
  expect(admit(list(""), foreign)).toBe("allowed");
});

test("an empty list admits every verified address", () => {
  expect(admit(list(" , "), verified("anyone@anywhere.example"))).toBe("allowed");
});

test("a domain admits exactly the addresses with it after their only at sign", () => {
  fc.assert(
    fc.property(fc.emailAddress(), fc.emailAddress(), (entry, email) => {
      const domain = (address: string) => address.slice(address.indexOf("@")).toLowerCase();
      const expected = domain(entry) === domain(email) ? "allowed" : "not_allowed";
      expect(admit(list(domain(entry)), verified(email))).toBe(expected);
      expect(admit(list(domain(email)), verified(email))).toBe("allowed");
    }),
  );
});
