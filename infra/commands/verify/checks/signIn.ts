import type { Refused } from "../observations.ts";
import { DEPLOY, setting } from "../remedies.ts";
import { type Check, failed, ok, type Verdict } from "./check.ts";

/** That there is a way in, and where it can be gone without a person, that it leads in. */
export const signIn: Check = {
  id: "sign-in",
  title: "sign-in",
  judge({ signIn }) {
    if (signIn.outcome === "signed_in") return ok(`as ${signIn.user}, at the local provider`);
    if (signIn.outcome === "elsewhere") return ok(`leads to ${signIn.provider}`);
    return REFUSED[signIn.step](signIn);
  },
};

const REFUSED: Record<Refused["step"], (refused: Refused) => Verdict> = {
  login(refused) {
    const { status, code, retryAfter } = refused;
    const seen = describe("GET /login", refused);
    if (code === "https_required") {
      return failed(
        seen,
        "Cookies can't be set: SESSION_COOKIE_SECURE is true and the site is opened over " +
          "http, where browsers don't keep such a cookie.",
        "Open the site over https, which Cloud Run enforces. On a laptop without https, " +
          "leave SESSION_COOKIE_SECURE unset.",
      );
    }
    if (code === "keys_unavailable") {
      return failed(
        seen,
        "The sign-in can't be sealed: the keys can't be read.",
        "Look in the log for why: Secret Manager does not answer, the service may not read " +
          "the secret, or no version of SECRET_KEY is enabled.",
      );
    }
    if (status === 503 && retryAfter === undefined) {
      return failed(
        seen,
        "Sign-in is not set up: the service knows no provider.",
        "Register the site with an OpenID Connect provider. Then " +
          `${setting("oidcIssuer", "ISSUER")}, ${setting("oidcClientId", "ID")}, ` +
          "`npx pulumi config set --stack STACK --secret oidcClientSecret` and " +
          `${DEPLOY}.`,
      );
    }
    if (status === 503) {
      return failed(
        seen,
        "The sign-in provider does not answer the service.",
        "Look whether OIDC_ISSUER is right and whether the service can reach it; then try again.",
      );
    }
    return failed(
      seen,
      "The way to the sign-in provider is closed.",
      "Look for sign_in_failed in the service's log: it gives the reason.",
    );
  },
  provider: (refused) =>
    failed(
      describe("the provider", refused),
      "The provider refuses what the service asks of it: most often the client or its " +
        "redirect URI is not the one that is registered.",
      "Compare OIDC_CLIENT_ID and the site's /login/callback with what is registered at the provider.",
    ),
  callback(refused) {
    const seen = describe("GET /login/callback", refused);
    return refused.status === 303
      ? failed(
          `${seen}, without a session's cookie`,
          "The session is unavailable: the sign-in came back and no cookie was set.",
          "Look in the service's log for why the cookie could not be written (SECRET_KEY, " +
            "SESSION_COOKIE_SECURE).",
        )
      : failed(
          seen,
          "The service does not take what the provider answers.",
          "Look for sign_in_failed in the service's log: it gives the reason (clock, client " +
            "secret, allowed users).",
        );
  },
};

function describe(step: string, { status, code }: Refused): string {
  return `${step}: ${status}${code === undefined ? "" : ` (${code})`}`;
}
