import type { LocalUser } from "./users.ts";

/** Where the provider sends claims about a user. */
export type ClaimsSource = "id_token" | "userinfo";

/** How a provider differs from others, according to its documentation. */
export interface ProviderBehavior {
  /** Path of the issuer. */
  readonly issuerPath: string;
  /** Whether it signs in the last user again without asking. */
  readonly remembersUser: boolean;
  /** Whether it has a sign-out page: OpenID Connect RP-Initiated Logout. */
  readonly hasSignOutPage: boolean;
  /** Whether it tells applications of a sign-out: OpenID Connect Back-Channel Logout. */
  readonly backchannelLogout?: boolean;
  /** Claims about a user's e-mail address. */
  readonly emailClaims: (user: LocalUser, source: ClaimsSource) => EmailClaims;
}

interface EmailClaims {
  readonly email?: string;
  readonly email_verified?: boolean | string;
  readonly xms_edov?: boolean;
}

function standardClaims({ email, email_verified }: LocalUser): EmailClaims {
  return { email, email_verified };
}

export const BEHAVIORS = {
  /** Asks for the user each time, and sends all claims in the ID token. */
  plain: {
    issuerPath: "",
    remembersUser: false,
    hasSignOutPage: false,
    emailClaims: standardClaims,
  },
  /**
   * Never sends `email_verified`. Ada's account has the optional claim xms_edov. Grace's has not, so
   * nothing says whether her address is verified. Mallory's account has no address.
   * https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
   */
  entra: {
    issuerPath: "/00000000-0000-4000-8000-000000000000/v2.0",
    remembersUser: true,
    hasSignOutPage: true,
    emailClaims({ id, email }, source) {
      if (id === "mallory") return {};
      return id === "ada" && source === "id_token" ? { email, xms_edov: true } : { email };
    },
  },
  /**
   * Sends `email_verified` as text:
   * https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html
   */
  cognito: {
    issuerPath: "/eu-central-1_Example",
    remembersUser: true,
    hasSignOutPage: false,
    emailClaims: ({ email, email_verified }) => ({ email, email_verified: String(email_verified) }),
  },
  /**
   * Sends the address in userinfo only:
   * https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/
   */
  okta: {
    issuerPath: "/oauth2/default",
    remembersUser: true,
    hasSignOutPage: true,
    emailClaims: (user, source) => (source === "userinfo" ? standardClaims(user) : {}),
  },
  /**
   * Its ID tokens name its sessions, and it has Back-Channel Logout:
   * https://www.keycloak.org/docs/latest/server_admin/#_oidc-logout
   */
  keycloak: {
    issuerPath: "/realms/phoenix",
    remembersUser: true,
    hasSignOutPage: true,
    backchannelLogout: true,
    emailClaims: standardClaims,
  },
} satisfies Record<string, ProviderBehavior>;

export type ProviderName = keyof typeof BEHAVIORS;

/** Names of real providers. */
export const PROVIDER_NAMES = ["entra", "cognito", "okta", "keycloak"] as const;
