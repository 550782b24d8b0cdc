import { createRestClient } from "../../../service/google/restClient.ts";
import {
  createVersionStore,
  SECRET_MANAGER_API,
  type VersionStore,
} from "../../../service/google/secretVersions.ts";
import type { RotationPolicy } from "../../../service/rotator/plan.ts";
import { CALL_TIMEOUT } from "../../../service/rotator/rotate.ts";
import { createKeyBench, ENDPOINT, type KeyBench, SECRET } from "../../support/keyBench.ts";

export const DAY = 86_400;

/** Default settings of the service and the rotator. */
export const POLICY: RotationPolicy = {
  activationDelay: 1800,
  sessionLifetime: 7 * DAY,
  minimumAge: 3600,
};

export interface RotationBench extends KeyBench {
  readonly store: VersionStore;
  /** `VERSION STATE` of each version, oldest first, without lag or faults. */
  states(): string[];
  payload(version: number): string;
}

/** A secret and a rotation's store for it, in virtual time. */
export function createRotationBench(settings: Record<string, unknown> = {}): RotationBench {
  const bench = createKeyBench(settings);
  const { standIn, time } = bench;
  const { project, name } = SECRET;
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    endpoint: ENDPOINT,
    timeout: CALL_TIMEOUT,
    fetch: standIn.fetch,
    abortAfter: time.abortAfter,
  });
  return {
    ...bench,
    store: createVersionStore(client, SECRET),
    states() {
      const states: string[] = [];
      for (let version = 1; ; version += 1) {
        try {
          const { state, scheduledDestroyTime } = standIn.store.get(project, name, String(version));
          states.push(`${version} ${scheduledDestroyTime === undefined ? state : "GOING"}`);
        } catch {
          return states;
        }
      }
    },
    payload(version) {
      const { data } = standIn.store.access(project, name, String(version)).payload;
      return Buffer.from(data, "base64").toString();
    },
  };
}

/** Deterministic bytes that occur nowhere else. */
export function knownRandom(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * 37 + 11) % 256);
}

/** The payload of `knownRandom` as text and in base64, as it could leak. */
export const KNOWN_PAYLOAD = Buffer.from(knownRandom(48)).toString("base64url");
export const KNOWN_SECRETS = [KNOWN_PAYLOAD, Buffer.from(KNOWN_PAYLOAD).toString("base64")];
