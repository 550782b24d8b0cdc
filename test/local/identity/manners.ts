import type { LocalUser } from "./users.ts";

/** Where the provider says something about a user. */
export type ClaimsSource = "id_token" | "userinfo";

/** What a provider does differently from others, as its own documents describe it. */
export interface Manners {
  /** What follows the host in the issuer. */
  readonly issuerPath: string;
  /** Whether it signs in whoever signed in last without asking again. */
  readonly remembers: boolean;
  /** Whether it has a page that ends that: RP-Initiated Logout. */
  readonly endsSessions: boolean;
  /** Whether it then tells applications: OpenID Connect Back-Channel Logout. */
  readonly tellsOfEnds?: boolean;
  /** Claims about a user's e-mail address. */
  readonly emailClaims: (user: LocalUser, source: ClaimsSource) => EmailClaims;
}

export interface EmailClaims {
  readonly email?: string;
  readonly email_verified?: boolean | string;
  readonly xms_edov?: boolean;
}

function standardClaims({ email, email_verified }: LocalUser): EmailClaims {
  return { email, email_verified };
}

export const MANNERS = {
  /** Asks who it is each time, and says all that it knows in the ID token. */
  plain: {
    issuerPath: "",
    remembers: false,
    endsSessions: false,
    emailClaims: standardClaims,
  },
  /**
   * Never says `email_verified`. Ada's account has the optional claim xms_edov; Grace's has not, so
   * nothing says whether her address is hers; Mallory's account has no address.
   * https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
   */
  entra: {
    issuerPath: "/00000000-0000-4000-8000-000000000000/v2.0",
    remembers: true,
    endsSessions: true,
    emailClaims({ id, email }, source) {
      if (id === "mallory") return {};
      return id === "ada" && source === "id_token" ? { email, xms_edov: true } : { email };
    },
  },
  /**
   * Says `email_verified` as text:
   * https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html
   */
  cognito: {
    issuerPath: "/eu-central-1_Example",
    remembers: true,
    endsSessions: false,
    emailClaims: ({ email, email_verified }) => ({ email, email_verified: String(email_verified) }),
  },
  /**
   * Leaves the address to userinfo:
   * https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/
   */
  okta: {
    issuerPath: "/oauth2/default",
    remembers: true,
    endsSessions: true,
    emailClaims: (user, source) => (source === "userinfo" ? standardClaims(user) : {}),
  },
  /**
   * Its ID tokens name its sessions, and it tells of their end:
   * https://www.keycloak.org/docs/latest/server_admin/#_oidc-logout
   */
  keycloak: {
    issuerPath: "/realms/phoenix",
    remembers: true,
    endsSessions: true,
    tellsOfEnds: true,
    emailClaims: standardClaims,
  },
} satisfies Record<string, Manners>;

export type ProviderName = keyof typeof MANNERS;

/** Those that are called after a real provider. */
export const PROVIDER_NAMES = ["entra", "cognito", "okta", "keycloak"] as const;
