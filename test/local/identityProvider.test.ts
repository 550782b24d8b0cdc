import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { PROVIDER_NAMES, type ProviderName } from "./identity/behaviors.ts";
import { generateJwks } from "./identity/keys.ts";
import { ada, type LocalUser } from "./identity/users.ts";
import { type IdentityProvider, startIdentityProvider } from "./identityProvider.ts";

const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };
const CALLBACK = "http://localhost:4000/login/callback";

let provider: IdentityProvider;
const said = ["info", "warn", "error"] as const;
const consoles = said.map((level) => jest.spyOn(console, level).mockImplementation(() => {}));

beforeAll(async () => {
  provider = await startIdentityProvider({ port: 0, ...CLIENT });
});

afterAll(async () => {
  await provider.close();
});

function authorization(changes: Record<string, string> = {}, { issuer } = provider): string {
  return `${issuer}/auth?${new URLSearchParams({
    client_id: CLIENT.clientId,
    response_type: "code",
    scope: "openid email profile",
    redirect_uri: CALLBACK,
    state: "state",
    nonce: "n".repeat(43),
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    ...changes,
  })}`;
}

/** Goes to the provider's page and chooses a user; returns the callback URL. */
async function choose(
  form: Record<string, string>,
  { issuer } = provider,
  cookies = new Map<string, string>(),
): Promise<URL> {
  let url = authorization({}, { issuer } as IdentityProvider);
  let body: URLSearchParams | undefined;
  for (let step = 0; url.startsWith(new URL(issuer).origin); step++) {
    if (step > 10) throw new Error(`There is no way back from ${url}.`);
    const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
    const response = await fetch(url, {
      headers: { cookie },
      redirect: "manual",
      ...(body && { method: "POST", body }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    body = response.status === 200 ? new URLSearchParams(form) : undefined;
    url = new URL(response.headers.get("location") ?? url, url).href;
  }
  return new URL(url);
}

async function tokens(
  code: string | null,
  { issuer } = provider,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: code ?? "",
      redirect_uri: CALLBACK,
      client_id: CLIENT.clientId,
      client_secret: CLIENT.clientSecret,
      code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }),
  });
  return (await response.json()) as Record<string, unknown>;
}

test("the page has a button for each user, and works without scripts, which it forbids", async () => {
  const response = await fetch(authorization(), { redirect: "manual" });
  const location = new URL(response.headers.get("location") ?? "", provider.issuer);
  const cookie = response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  const page = await fetch(location, { headers: { cookie } });
  const text = await page.text();
  expect(page.status).toBe(200);
  for (const name of ["Ada Lovelace", "Grace Hopper", "Mallory Unverified"]) {
    expect(text).toMatch(new RegExp(`<button[^>]*><b>${name}</b>`));
  }
  expect(text).toContain('<html lang="en">');
  expect(text).not.toContain("<script");
  expect(page.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; style-src 'sha/,
  );
});

test("choosing a user gives an ID token with a verified e-mail address, of realistic size", async () => {
  const callback = await choose({ user: "ada" });
  expect(callback.searchParams.get("state")).toBe("state");
  expect(callback.searchParams.get("iss")).toBe(provider.issuer);
  const { id_token } = await tokens(callback.searchParams.get("code"));
  const token = String(id_token);
  const claims = claimsIn(token);
  const { sub, email, email_verified, name } = ada;
  expect(claims).toMatchObject({ sub, email, email_verified, name, iss: provider.issuer });
  expect(token.length).toBeGreaterThan(1_000);
  expect(token.length).toBeLessThan(1_300);
});

function claimsIn(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

/** A provider's claims about a user, in the ID token and at userinfo. */
async function claimsAbout(name: ProviderName, { id }: Pick<LocalUser, "id">) {
  await using other = await startIdentityProvider({ port: 0, ...CLIENT, provider: name });
  try {
    const callback = await choose({ user: id }, other);
    const { id_token, access_token } = await tokens(callback.searchParams.get("code"), other);
    const headers = { authorization: `Bearer ${access_token}` };
    const { email, email_verified, xms_edov, iss } = claimsIn(String(id_token));
    const userinfo = await (await fetch(`${other.issuer}/me`, { headers })).json();
    return { token: { email, email_verified, xms_edov }, iss, issuer: other.issuer, userinfo };
  } finally {
    await other.close();
  }
}

test.each<[ProviderName, string, string]>([
  ["entra", "ada", "an address and xms_edov, and never email_verified"],
  ["entra", "grace", "an address alone"],
  ["entra", "mallory", "no address"],
  ["cognito", "ada", "whether an address is verified as text"],
  ["okta", "ada", "nothing in the ID token, and all at userinfo"],
  ["keycloak", "mallory", "that an address is not verified"],
])("like %s, it sends of %s the claims %s", async (name, id) => {
  const { token, userinfo, iss, issuer } = await claimsAbout(name, { id });
  const email = `${id}@example.com`;
  const expected: Record<string, [object, object]> = {
    "entra ada": [{ email, xms_edov: true }, { email }],
    "entra grace": [{ email }, { email }],
    "entra mallory": [{}, {}],
    "cognito ada": [
      { email, email_verified: "true" },
      { email, email_verified: "true" },
    ],
    "okta ada": [{}, { email, email_verified: true }],
    "keycloak mallory": [
      { email, email_verified: false },
      { email, email_verified: false },
    ],
  };
  expect(iss).toBe(issuer);
  const [inToken, atUserinfo] = expected[`${name} ${id}`] ?? [];
  expect(token).toEqual({ email: undefined, email_verified: undefined, ...inToken });
  expect(userinfo).toMatchObject({ sub: expect.any(String), ...atUserinfo });
  expect("email_verified" in (userinfo as object)).toBe("email_verified" in (atUserinfo ?? {}));
});

test.each(PROVIDER_NAMES)("%s remembers the user and does not ask", async (name) => {
  await using other = await startIdentityProvider({ port: 0, ...CLIENT, provider: name });
  const cookies = new Map<string, string>();
  await choose({ user: "grace" }, other, cookies);
  const again = await choose({ user: "nobody, for there is no page" }, other, cookies);
  const { id_token } = await tokens(again.searchParams.get("code"), other);
  expect(claimsIn(String(id_token)).sub).toBe("104119061906119120592");
  await other.close();
});

test.each(["entra", "okta", "keycloak"] as const)("%s has a sign-out page", async (name) => {
  await using other = await startIdentityProvider({ port: 0, ...CLIENT, provider: name });
  const document = await fetch(`${other.issuer}/.well-known/openid-configuration`);
  const { end_session_endpoint } = (await document.json()) as Record<string, string>;
  const query = new URLSearchParams({
    client_id: CLIENT.clientId,
    logout_hint: "ada@example.com",
    post_logout_redirect_uri: "http://localhost:4000/signed-out",
  });
  const cookies = new Map<string, string>();
  await choose({ user: "ada" }, other, cookies);
  const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
  const page = await fetch(`${end_session_endpoint}?${query}`, { headers: { cookie } });
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("Sign out here too?");
  await other.close();
});

test("a code can be exchanged once", async () => {
  const code = (await choose({ user: "grace" })).searchParams.get("code");
  expect(await tokens(code)).toHaveProperty("id_token");
  expect(await tokens(code)).toMatchObject({ error: "invalid_grant" });
});

test("Cancel redirects back with access_denied", async () => {
  const callback = await choose({ cancel: "cancel" });
  expect(callback.searchParams.get("error")).toBe("access_denied");
});

test.each([
  "http://localhost:4000/elsewhere",
  "http://example.com/login/callback",
  "http://localhost.example.com/login/callback",
  "http://localhost:4000@example.com/login/callback",
])("it does not redirect to %s", async (redirect_uri) => {
  const response = await fetch(authorization({ redirect_uri }), {
    headers: { accept: "text/html" },
    redirect: "manual",
  });
  expect(response.status).toBe(400);
  expect(response.headers.get("location")).toBeNull();
});

test("an expired sign-in shows a page with a remedy", async () => {
  const response = await fetch(`${provider.issuer}/sign-in/nothing`, { method: "POST" });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("Go back to the application and sign in again.");
});

test("a restart with the same keys signs with the same key", async () => {
  const jwks = await generateJwks();
  const published = [];
  for (const _ of [1, 2]) {
    await using again = await startIdentityProvider({ port: 0, ...CLIENT, jwks });
    published.push(await (await fetch(`${again.issuer}/jwks`)).json());
    await again.close();
  }
  expect(published[0]).toEqual(published[1]);
  expect(JSON.stringify(published)).not.toContain('"d"');
});

test("a taken port is an error for the caller", async () => {
  const port = Number(new URL(provider.issuer).port);
  await expect(startIdentityProvider({ port, ...CLIENT })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});

test("it prints nothing", () => {
  for (const spy of consoles) expect(spy.mock.calls).toEqual([]);
});
