import { COMMON_FAULTS, type FaultRuleOf } from "../standIn/faults.ts";

/** Kinds of calls. */
export const CALLS = [
  "createSecret",
  "getSecret",
  "add",
  "get",
  "list",
  "access",
  "enable",
  "disable",
  "destroy",
] as const;
export type Call = (typeof CALLS)[number];

export const FAULTS = [
  ...COMMON_FAULTS,
  /** A payload whose checksum is wrong. */
  "wrongChecksum",
] as const;
export type Fault = (typeof FAULTS)[number];

export type FaultRule = FaultRuleOf<Call, Fault>;
