import { expect, test } from "@jest/globals";
import { createOidcClient, createProofs } from "../../../service/login/oidc.ts";
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
