import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";
import fc from "fast-check";

interface Addresses {
  isValid(text: string): boolean;
  parse(text: string): { toString(): string };
}

const load = createRequire(__filename);
const lean: Addresses = load("../../../service/lean/ipaddr.cjs");
const whole: Addresses = load("ipaddr.js");

test("addresses are read as ipaddr.js reads them", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      expect(lean.isValid(text)).toBe(whole.isValid(text));
      if (whole.isValid(text)) expect(String(lean.parse(text))).toBe(String(whole.parse(text)));
      else expect(() => lean.parse(text)).toThrow();
    }),
  );
});
