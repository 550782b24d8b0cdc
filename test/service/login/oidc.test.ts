import { createPrivateKey, type JsonWebKey, sign } from "node:crypto";
import { expect, test } from "@jest/globals";
import { createOidcClient } from "../../../service/login/oidc.ts";
import { createProofs } from "../../../service/login/proofs.ts";
import { generateJwks } from "../../local/identity/keys.ts";
import { CLIENT } from "./application.ts";

const ISSUER = "https://id.example";
const METADATA = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/auth`,
  token_endpoint: `${ISSUER}/token`,
  jwks_uri: `${ISSUER}/jwks`,
};
const REDIRECT_URI = "https://phoenix.example/login/callback";

/** A client whose provider is a function; the addresses that it was asked for. */
function client(answer: (url: string, init?: RequestInit) => Response | Promise<Response>) {
  const asked: { readonly url: string; readonly init: RequestInit | undefined }[] = [];
  const oidc = createOidcClient({
    config: { issuer: new URL(ISSUER), ...CLIENT },
    timeout: 0.05,
    fetch: async (url, init) => {
      asked.push({ url: String(url), init });
      return await answer(String(url), init);
    },
  });
  return { asked, begin: () => oidc.authorizationUrl(REDIRECT_URI, createProofs(), false), oidc };
}

test("the provider's metadata is read on first use, once for all who wait", async () => {
  const { asked, begin } = client(() => Response.json(METADATA));
  expect(asked).toEqual([]);
  const urls = await Promise.all([begin(), begin(), begin()]);
  await begin();
  expect(asked.map(({ url }) => url)).toEqual([`${ISSUER}/.well-known/openid-configuration`]);
  expect(urls.map(({ origin }) => origin)).toEqual([ISSUER, ISSUER, ISSUER]);
});

test("after it failed for all who waited, the next one tries again", async () => {
  let up = false;
  const { asked, begin } = client(() =>
    up ? Response.json(METADATA) : new Response("", { status: 503 }),
  );
  const failed = await Promise.allSettled([begin(), begin()]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(asked).toHaveLength(1);
  up = true;
  await expect(begin()).resolves.toBeInstanceOf(URL);
});

test.each<[string, (init?: RequestInit) => Response | Promise<Response>]>([
  ["never answers", (init) => untilAborted(init)],
  ["has a fault", () => new Response("", { status: 500 })],
  ["is not there", () => new Response("", { status: 404 })],
  ["answers with a page", () => new Response("<p>", { headers: { "content-type": "text/html" } })],
  ["is another one", () => Response.json({ ...METADATA, issuer: "https://evil.example" })],
  ["redirects", () => Response.redirect("https://evil.example/", 302)],
])("a provider that %s is unavailable", async (_what, answer) => {
  const { begin } = client((_url, init) => answer(init));
  await expect(begin()).rejects.toMatchObject({ reason: "provider_unavailable" });
});

test("metadata without an address to go to is the provider's fault", async () => {
  const { begin } = client(() => Response.json({ issuer: ISSUER }));
  await expect(begin()).rejects.toMatchObject({ reason: "provider_error" });
});

function untilAborted(init?: RequestInit): Promise<Response> {
  return new Promise((_resolve, reject) => {
    init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
  });
}

test("metadata that leads to http is not followed with a code", async () => {
  const token_endpoint = "http://id.example/token";
  const { asked, oidc } = client(() => Response.json({ ...METADATA, token_endpoint }));
  const proofs = createProofs();
  const callback = new URL(`${REDIRECT_URI}?code=1&state=${proofs.state}`);
  await expect(oidc.redeem(callback, proofs)).rejects.toMatchObject({ reason: "provider_error" });
  expect(asked.map(({ url }) => url)).not.toContain(token_endpoint);
});

test.each([
  ["in the body where the provider takes it", ["client_secret_basic", "client_secret_post"], true],
  ["in the header where it does not", ["client_secret_basic"], false],
  ["in the header where it does not say", undefined, false],
])("the secret goes %s", async (_where, token_endpoint_auth_methods_supported, inBody) => {
  const { asked, oidc } = client((url) =>
    url.endsWith("/token")
      ? Response.json({ error: "invalid_grant" }, { status: 400 })
      : Response.json({ ...METADATA, token_endpoint_auth_methods_supported }),
  );
  const proofs = createProofs();
  const callback = new URL(`${REDIRECT_URI}?code=1&state=${proofs.state}`);
  await expect(oidc.redeem(callback, proofs)).rejects.toMatchObject({ reason: "code_refused" });
  const { init } = asked.find(({ url }) => url.endsWith("/token")) ?? {};
  const body = new URLSearchParams(String(init?.body));
  expect(body.get("client_secret") === CLIENT.clientSecret).toBe(inBody);
  expect(new Headers(init?.headers).has("authorization")).toBe(!inBody);
  expect(body.get("code_verifier")).toBe(proofs.verifier);
  expect(body.get("redirect_uri")).toBe(REDIRECT_URI);
});

const GOOGLE = "https://accounts.google.com";

test.each<[string, string, Record<string, unknown>, boolean]>([
  ["Google's of a domain that it hosts", GOOGLE, { hd: "acme.example" }, true],
  ["Google's at Gmail", GOOGLE, { email: "ada@Gmail.com" }, true],
  ["Google's with an address of elsewhere", GOOGLE, {}, false],
  ["Google's with an empty domain", GOOGLE, { hd: "" }, false],
  ["Google's with a domain that is no text", GOOGLE, { hd: true }, false],
  ["Google's of a domain that ends alike", GOOGLE, { email: "ada@evilgmail.com" }, false],
  ["another provider's", ISSUER, {}, true],
])("whether an account is its domain's own: %s", async (_what, issuer, more, expected) => {
  const jwks = await generateJwks();
  const proofs = createProofs();
  const claims = {
    iss: issuer,
    aud: CLIENT.clientId,
    sub: "1",
    email: "ada@acme.example",
    email_verified: true,
    nonce: proofs.nonce,
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 300,
    ...more,
  };
  const answers: Record<string, object> = {
    "/.well-known/openid-configuration": {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
    },
    "/token": { access_token: "a", token_type: "Bearer", id_token: signed(claims, jwks.keys[0]) },
    "/jwks": { keys: jwks.keys.map(({ kty, n, e, kid }) => ({ kty, n, e, kid })) },
  };
  const oidc = createOidcClient({
    config: { issuer: new URL(issuer), ...CLIENT },
    fetch: async (url) => Response.json(answers[new URL(String(url)).pathname]),
  });
  const callback = new URL(`${REDIRECT_URI}?code=1&state=${proofs.state}`);
  expect(await oidc.redeem(callback, proofs)).toMatchObject({ subject: "1", ofDomain: expected });
});

function signed(claims: object, key: { readonly kid?: string | undefined } | undefined): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const content = `${encode({ alg: "RS256", kid: key?.kid })}.${encode(claims)}`;
  const privateKey = createPrivateKey({ key: key as JsonWebKey, format: "jwk" });
  return `${content}.${sign("sha256", Buffer.from(content), privateKey).toString("base64url")}`;
}
