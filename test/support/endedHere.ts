import { createEndedSessions, type EndedSessions } from "../../service/ended/endedSessions.ts";

/** The ended sessions of an instance without a bucket. */
export function endedHere(clock: () => number): EndedSessions {
  const log = { info() {}, warn() {}, error() {} };
  const options = { onOutage: "continue", lifetime: 604_800, log, clock } as const;
  return createEndedSessions({ bucket: undefined, ...options });
}
