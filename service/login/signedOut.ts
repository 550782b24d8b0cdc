import type { Request, Response } from "express";
import { type Html, html, page } from "../http/html.ts";
import type { Seconds } from "../pure/seconds.ts";
import { cookieValue } from "../session/cookie.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import type { Sealer } from "../session/sealer.ts";
import { pendingNotice } from "./pendingSignOuts.ts";
import { DEFAULT_RETURN_TO, signInLink } from "./returnTo.ts";

export interface SignedOutDeps {
  readonly sealer: Sealer;
  readonly cookieSecure: boolean;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/** The page after signing out. */
export interface SignedOut {
  /** Keeps where the user signs out at the provider in a sealed cookie: the URL has their address. */
  remember(res: Response, endSessionUrl: URL): void;
  show(req: Request, res: Response): Promise<void>;
}

export const SIGNED_OUT_PATH = "/signed-out";

/** Seconds for which the page links to the provider. */
const LIFETIME: Seconds = 600;

export function createSignedOut({ sealer, cookieSecure, clock }: SignedOutDeps): SignedOut {
  const name = cookieSecure ? "__Secure-signed-out" : "signed-out";
  const attributes = { httpOnly: true, path: SIGNED_OUT_PATH, sameSite: "lax" } as const;

  return {
    remember(res, { href }) {
      const iat = clock();
      try {
        const token = sealer.seal(name, { iat, exp: iat + LIFETIME, data: { href } });
        res.cookie(name, token, { ...attributes, secure: cookieSecure, maxAge: LIFETIME * 1000 });
      } catch (error) {
        // Signing out succeeds without the link to the provider.
        if (!(error instanceof KeysUnavailableError)) throw error;
      }
    },

    async show(req, res) {
      const token = cookieValue(req.headers.cookie, name);
      const opened = token === undefined ? undefined : await sealer.open(name, token);
      const href = opened?.outcome === "ok" ? opened.sealed.data.href : undefined;
      res
        .type("html")
        .send(signedOutPage(typeof href === "string" ? href : undefined, pendingNotice(res)));
    },
  };
}

/** The provider may remember the user, and then signs them in again without a question. */
function signedOutPage(endSessionUrl: string | undefined, notice: Html | undefined): string {
  return page({
    title: "You are signed out",
    body: html`<main class="message">
<h1>You are signed out</h1>
${notice}<p>The sign-in provider may still remember you. Then &ldquo;Sign in&rdquo; asks for no password, whoever uses this browser.</p>
${endSessionUrl && html`<p>On a shared computer, <a href="${endSessionUrl}">sign out at the provider</a> too.</p>`}
<p><a class="button" href="${signInLink(DEFAULT_RETURN_TO)}">Sign in</a></p>
<p><a href="${signInLink(DEFAULT_RETURN_TO, { otherAccount: true })}">Use another account</a></p>
</main>`,
  });
}
