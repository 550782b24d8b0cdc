import type { Forgery } from "../observations.ts";
import { forgeToken, tamperWith, tokenForm } from "../site/token.ts";
import type { Browsing } from "./signIn.ts";

export interface ForgeOptions {
  readonly cookieName: string;
  /** The value of a session's cookie, if there is a session. */
  readonly value: string | undefined;
  readonly random: (bytes: number) => Uint8Array;
}

/** Comes with cookies that nobody gave out. The key that they name is one that should exist. */
export async function tryForgeries(
  { client, site }: Browsing,
  { cookieName, value, random }: ForgeOptions,
): Promise<Forgery[]> {
  const form = value === undefined ? undefined : tokenForm(value);
  const kid = form?.form === "sealed" ? form.kid : "1";
  const tampered = value === undefined ? undefined : tamperWith(value);
  const cookies: [what: string, value: string][] = [
    ["a cookie of nonsense", "not-a-session"],
    ["a forged cookie", forgeToken(kid, random)],
    ...(tampered === undefined ? [] : [["a tampered cookie", tampered] as [string, string]]),
  ];
  const forgeries: Forgery[] = [];
  for (const [what, forged] of cookies) {
    const answer = await client.ask(new URL("/api/clips", site.url), {
      cookie: `${cookieName}=${forged}`,
    });
    forgeries.push({ what, answer });
  }
  return forgeries;
}
