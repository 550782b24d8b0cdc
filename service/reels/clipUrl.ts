import type { Seconds } from "../pure/seconds.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import type { Sealer } from "../session/sealer.ts";

/** What a clip's token is sealed as: no other token opens as one. */
const PURPOSE = "clip-url";

/** How long a clip's URL works: enough to play a reel, too short to be worth passing on. */
export const CLIP_URL_LIFETIME: Seconds = 300;

/** Whether a token lets its bearer read a file. */
export type Admission =
  | { readonly allowed: true; readonly expiresAt: Seconds }
  | { readonly allowed: false; readonly reason: "expired" | "invalid" };

/** Signs URLs of media files and checks them. Whoever has the URL may read that file for a while. */
export interface ClipUrls {
  /** @throws KeysUnavailableError if no key can be used now. */
  sign(file: string, expiresAt: Seconds): string;
  /** @throws KeysUnavailableError if the token's key can't be read now. */
  admit(file: string, token: unknown): Promise<Admission>;
}

export interface ClipUrlDeps {
  readonly sealer: Sealer;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

export function createClipUrls({ sealer, clock }: ClipUrlDeps): ClipUrls {
  return {
    sign(file, expiresAt) {
      const token = sealer.seal(PURPOSE, { iat: clock(), exp: expiresAt, data: { file } });
      return `/media/${file}?${new URLSearchParams({ token })}`;
    },

    async admit(file, token) {
      if (typeof token !== "string") return { allowed: false, reason: "invalid" };
      const opened = await sealer.open(PURPOSE, token);
      if (opened.outcome === "key_unavailable") throw new KeysUnavailableError(opened.retryAfter);
      if (opened.outcome === "expired") return { allowed: false, reason: "expired" };
      if (opened.outcome !== "ok" || opened.sealed.data.file !== file) {
        return { allowed: false, reason: "invalid" };
      }
      return { allowed: true, expiresAt: opened.sealed.exp };
    },
  };
}
