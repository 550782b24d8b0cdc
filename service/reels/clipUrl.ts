import type { Seconds } from "../pure/seconds.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import type { Sealer } from "../session/sealer.ts";

/** Name that clip URLs are signed under, so that no other signature is accepted. */
const PURPOSE = "clip-url";

/** Lifetime of a clip's URL: enough to play a reel, too short to be worth sharing. */
export const CLIP_URL_LIFETIME: Seconds = 300;

/** Whether a token lets its bearer read a file. */
type Admission =
  | { readonly allowed: true; readonly expiresAt: Seconds }
  | { readonly allowed: false; readonly reason: "expired" | "invalid" };

/** Signs and verifies URLs of media files. A URL lets its bearer read one file until it expires. */
interface ClipUrls {
  /** @throws KeysUnavailableError if no key can sign now. */
  sign(file: string, expiresAt: Seconds): string;
  /** @throws KeysUnavailableError if the token's key can't be read now. */
  admit(file: string, token: unknown): Promise<Admission>;
}

interface ClipUrlDeps {
  readonly sealer: Sealer;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

export function createClipUrls({ sealer, clock }: ClipUrlDeps): ClipUrls {
  return {
    sign(file, expiresAt) {
      const token = `${expiresAt}.${sealer.sign(PURPOSE, textOf(file, expiresAt))}`;
      return `/media/${file}?${new URLSearchParams({ token })}`;
    },

    async admit(file, token) {
      if (typeof token !== "string") return { allowed: false, reason: "invalid" };
      const [, digits, signature] = /^([1-9]\d{0,11})\.(.+)$/s.exec(token) ?? [];
      if (signature === undefined) return { allowed: false, reason: "invalid" };
      const expiresAt = Number(digits);
      const verified = await sealer.verify(PURPOSE, textOf(file, expiresAt), signature);
      if (verified.outcome === "key_unavailable") {
        throw new KeysUnavailableError(verified.retryAfter);
      }
      if (verified.outcome !== "ok") return { allowed: false, reason: "invalid" };
      if (clock() >= expiresAt) return { allowed: false, reason: "expired" };
      return { allowed: true, expiresAt };
    },
  };
}

/** The signed text. It is unambiguous, because file names contain no space. */
function textOf(file: string, expiresAt: Seconds): string {
  return `${expiresAt} ${file}`;
}
