import type { Request, Response } from "express";
import { html, page } from "../http/html.ts";
import type { Seconds } from "../pure/seconds.ts";
import { cookieValue } from "../session/cookie.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import type { Sealer } from "../session/sealer.ts";
import { DEFAULT_RETURN_TO, signInLink } from "./returnTo.ts";

export interface SignedOutDeps {
  readonly sealer: Sealer;
  readonly cookieSecure: boolean;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/** The page after signing out, and what it has to know of the user until then. */
export interface SignedOut {
  readonly path: string;
  /** Keeps the user's address for the page, as the provider's hint of who signs out there. */
  remember(res: Response, hint: string | undefined): void;
  /** @param endSession finds where the user signs out at the provider; undefined if nowhere */
  show(
    req: Request,
    res: Response,
    endSession: ((hint: string | undefined) => Promise<URL | undefined>) | undefined,
  ): Promise<void>;
}

/** Seconds for which the page knows who signed out. */
const HINT_LIFETIME: Seconds = 600;

/** Milliseconds that the page waits for the provider's metadata; without it, it has no link there. */
const METADATA_MILLISECONDS = 2_000;

export function createSignedOut({ sealer, cookieSecure, clock }: SignedOutDeps): SignedOut {
  const path = "/signed-out";
  const name = cookieSecure ? "__Secure-signed-out" : "signed-out";
  const attributes = { httpOnly: true, sameSite: "lax" } as const;

  async function hintIn(req: Request): Promise<string | undefined> {
    const token = cookieValue(req.headers.cookie, name);
    const opened = token === undefined ? undefined : await sealer.open(name, token);
    if (opened?.outcome !== "ok") return undefined;
    const { hint } = opened.sealed.data;
    return typeof hint === "string" ? hint : undefined;
  }

  return {
    path,

    remember(res, hint) {
      if (hint === undefined) return;
      const iat = clock();
      try {
        const token = sealer.seal(name, { iat, exp: iat + HINT_LIFETIME, data: { hint } });
        const maxAge = HINT_LIFETIME * 1000;
        res.cookie(name, token, { ...attributes, path, secure: cookieSecure, maxAge });
      } catch (error) {
        // Nobody stays signed in for want of a hint.
        if (!(error instanceof KeysUnavailableError)) throw error;
      }
    },

    async show(req, res, endSession) {
      const url = endSession && (await inTime(hintIn(req).then(endSession)));
      res.type("html").send(signedOutPage(url));
    },
  };
}

/** Undefined if it fails or takes too long. */
async function inTime<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, METADATA_MILLISECONDS, undefined);
  });
  return await Promise.race([promise.catch(() => undefined), late]).finally(() => {
    clearTimeout(timer);
  });
}

/** The provider may remember the user, and then signs them in again without a question. */
function signedOutPage(endSessionUrl: URL | undefined): string {
  return page({
    title: "You are signed out",
    body: html`<main class="message">
<h1>You are signed out</h1>
<p>The sign-in provider may still remember you. Then &ldquo;Sign in&rdquo; asks for no password, whoever uses this browser.</p>
${endSessionUrl && html`<p>On a shared computer, <a href="${endSessionUrl.href}">sign out at the provider</a> too.</p>`}
<p><a class="button" href="${signInLink(DEFAULT_RETURN_TO)}">Sign in</a></p>
<p><a href="${signInLink(DEFAULT_RETURN_TO, { otherAccount: true })}">Use another account</a></p>
</main>`,
  });
}
