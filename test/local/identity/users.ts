/** A user of the local provider. Claims have OpenID Connect's names. */
export interface LocalUser {
  /** ID in forms and tests. */
  readonly id: string;
  readonly sub: string;
  readonly name: string;
  readonly given_name: string;
  readonly family_name: string;
  readonly email: string;
  readonly email_verified: boolean;
}

export const ada: LocalUser = {
  id: "ada",
  sub: "110248495921238986420",
  name: "Ada Lovelace",
  given_name: "Ada",
  family_name: "Lovelace",
  email: "ada@example.com",
  email_verified: true,
};

export const grace: LocalUser = {
  id: "grace",
  sub: "104119061906119120592",
  name: "Grace Hopper",
  given_name: "Grace",
  family_name: "Hopper",
  email: "grace@example.com",
  email_verified: true,
};

/** Claims an address at example.com that nobody has verified. */
export const mallory: LocalUser = {
  id: "mallory",
  sub: "117700070007700077000",
  name: "Mallory Unverified",
  given_name: "Mallory",
  family_name: "Unverified",
  email: "mallory@example.com",
  email_verified: false,
};

export const LOCAL_USERS: readonly LocalUser[] = [ada, grace, mallory];
