import { expect, test } from "@jest/globals";
import { crc32c } from "../../../service/google/secretVersions.ts";

test("checksums agree with the published examples", () => {
  // RFC 3720, B.4, and the check value of CRC-32/ISCSI.
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(new Uint8Array())).toBe(0);
});
