import type { AccessTokens } from "../../service/google/accessToken.ts";
import type { GoogleApiError } from "../../service/google/googleApiError.ts";
import type { Fetch } from "../../service/google/httpFetch.ts";
import type { KeyLimits } from "../../service/keys/limits.ts";
import { createSecretManagerKeys } from "../../service/keys/secretManager.ts";
import type { SessionKeys } from "../../service/keys/sessionKeys.ts";
import type { Fault } from "../local/secretManager/faults.ts";
import {
  createSecretManagerStandIn,
  type SecretManagerStandIn,
} from "../local/secretManager/standIn.ts";
import { createVirtualTime, type VirtualTime } from "./virtualTime.ts";

export const SECRET = { project: "phoenix-test", name: "SECRET_KEY" };
export const ENDPOINT = "http://127.0.0.1:1";

/** The default limits, repeated here so that tests can calculate with them. */
export const LIMITS: KeyLimits = {
  activationDelay: 1800,
  refreshInterval: 60,
};

/** Faults of a call, with the error's classification and message. */
export const OUTAGES: readonly (readonly [Fault, GoogleApiError["failure"], RegExp])[] = [
  ["unreachable", "UNREACHABLE", /can't be reached \(UND_ERR_SOCKET\)\. Check the network/],
  ["hang", "TIMEOUT", /did not answer within \d+ s\. Try again/],
  ["unauthenticated", "UNAUTHENTICATED", /answered 401: .*\. Sign in again: gcloud auth/],
  ["forbidden", "FORBIDDEN", /answered 403: Permission denied on resource\. Grant the account/],
  ["exhausted", "EXHAUSTED", /answered 429: Quota exceeded\. Wait a minute/],
  ["internal", "SERVER_ERROR", /answered 500: .*\. Try again/],
  ["unavailable", "SERVER_ERROR", /answered 503: .*\. Try again/],
  ["garbage", "INVALID_ANSWER", /not a JSON object\. Check what answers/],
  ["nonsense", "INVALID_ANSWER", /version without a name of this secret's\. Check what answers/],
  ["proxy404", "INVALID_ANSWER", /answered 404\. Check what answers/],
];

interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly event?: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A fake Secret Manager with one secret, in virtual time. */
export interface KeyBench {
  readonly time: VirtualTime;
  readonly standIn: SecretManagerStandIn;
  /** Adds a version, with a random payload by default, and returns its number. */
  add(payload?: string): number;
  disable(version: number): void;
  enable(version: number): void;
  /** The keys of a new instance, with a log of its own. */
  keys(options?: InstanceOptions): InstanceKeys;
}

interface InstanceOptions {
  readonly limits?: Partial<KeyLimits>;
  readonly fetch?: Fetch;
  readonly endpoint?: string;
  readonly accessTokens?: AccessTokens;
  readonly abortAfter?: VirtualTime["abortAfter"];
  readonly random?: () => number;
}

export interface InstanceKeys extends SessionKeys {
  readonly lines: LogLine[];
}

export function createKeyBench(settings: Record<string, unknown> = {}): KeyBench {
  const time = createVirtualTime();
  const standIn = createSecretManagerStandIn({ clock: time.now });
  const { project, name } = SECRET;
  standIn.store.createSecret(project, name, settings);
  let added = 0;

  return {
    time,
    standIn,
    add(payload) {
      added += 1;
      const text = payload ?? `payload ${added} `.padEnd(48, "x");
      const { name: resource } = standIn.store.add(project, name, {
        data: Buffer.from(text).toString("base64"),
      });
      return Number(resource.split("/").at(-1));
    },
    disable: (version) => void standIn.store.disable(project, name, String(version)),
    enable: (version) => void standIn.store.enable(project, name, String(version)),
    keys({ limits, ...rest } = {}) {
      const lines: LogLine[] = [];
      const logAs = (level: LogLine["level"]) => (fields: object, message: string) =>
        void lines.push({ ...fields, level, message });
      const keys = createSecretManagerKeys({
        secret: SECRET,
        endpoint: ENDPOINT,
        limits: { ...LIMITS, ...limits },
        clock: time.now,
        random: () => 0.5,
        fetch: standIn.fetch,
        abortAfter: time.abortAfter,
        log: { info: logAs("info"), warn: logAs("warn"), error: logAs("error") },
        ...rest,
      });
      return { ...keys, lines };
    },
  };
}
