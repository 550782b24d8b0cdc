import { createPrivateKey, type JsonWebKey, randomBytes, sign } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { JWKS } from "oidc-provider";
import type { Proofs } from "../../../service/login/attempts.ts";
import { createOidcClient } from "../../../service/login/oidc.ts";
import type { AbortAfter } from "../../../service/process/abort.ts";
import { generateJwks } from "../../local/identity/keys.ts";
import { createVirtualTime } from "../../support/virtualTime.ts";
import { CLIENT } from "./application.ts";

const ISSUER = "https://id.example";
const NOW = Math.floor(Date.now() / 1000);
const DISCOVERY = "/.well-known/openid-configuration";

function metadata(issuer = ISSUER): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
  };
}

const REDIRECT_URI = "https://phoenix.example/login/callback";

function createProofs(): Proofs {
  const proof = () => randomBytes(32).toString("base64url");
  return { state: proof(), nonce: proof(), verifier: proof() };
}

type Answer = (url: string, init?: RequestInit) => Response | Promise<Response>;

/** A client with a fake provider, and the requested URLs. */
function client(
  answer: Answer,
  issuer = ISSUER,
  clock: () => number = () => NOW,
  abortAfter: AbortAfter = () => AbortSignal.abort(),
) {
  const asked: { readonly url: string; readonly init: RequestInit | undefined }[] = [];
  const oidc = createOidcClient({
    config: { issuer: new URL(issuer), ...CLIENT, trustedDomains: ["trusted.example"] },
    timeout: 0.05,
    clock,
    abortAfter,
    fetch: async (url, init) => {
      asked.push({ url: String(url), init });
      return await answer(String(url), init);
    },
  });
  const paths = () => asked.map(({ url }) => url.slice(issuer.length));
  return {
    asked,
    paths,
    begin: () => oidc.authorizationUrl(REDIRECT_URI, createProofs(), false),
    oidc,
  };
}

test("the provider's metadata is read on first use, once for concurrent calls", async () => {
  const { paths, begin } = client(() => Response.json(metadata()));
  expect(paths()).toEqual([]);
  const urls = await Promise.all([begin(), begin(), begin()]);
  await begin();
  expect(paths()).toEqual([DISCOVERY]);
  expect(urls.map(({ origin }) => origin)).toEqual([ISSUER, ISSUER, ISSUER]);
});

test("after a failure the next call tries again", async () => {
  let up = false;
  const { paths, begin } = client(() =>
    up ? Response.json(metadata()) : new Response("", { status: 503 }),
  );
  const failed = await Promise.allSettled([begin(), begin()]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(paths()).toHaveLength(1);
  up = true;
  await expect(begin()).resolves.toBeInstanceOf(URL);
});

test("metadata is refreshed after ten minutes, and kept if that fails", async () => {
  let now = NOW;
  let endpoint = `${ISSUER}/auth`;
  let up = true;
  const { paths, begin } = client(
    () =>
      up
        ? Response.json({ ...metadata(), authorization_endpoint: endpoint })
        : new Response("", { status: 503 }),
    ISSUER,
    () => now,
  );
  await begin();
  endpoint = `${ISSUER}/moved`;
  now += 599;
  expect((await begin()).pathname).toBe("/auth");
  now += 1;
  expect((await begin()).pathname).toBe("/moved");
  up = false;
  now += 600;
  expect((await begin()).pathname).toBe("/moved");
  expect(paths()).toHaveLength(3);
  await begin();
  expect(paths()).toHaveLength(3);
});

test.each<[string, (init?: RequestInit) => Response | Promise<Response>]>([
  ["never answers", (init) => untilAborted(init)],
  ["answers 500", () => new Response("", { status: 500 })],
  ["answers 429", () => new Response("", { status: 429 })],
  ["stops in the middle of a response", () => new Response(startOf((body) => body.error()))],
  ["never ends a response", (init) => new Response(startOf((body) => stall(body, init)))],
  ["sends a response without end", () => new Response(startOf(() => {}, "x".repeat(100_000)))],
])("a provider that %s is unavailable", async (_what, answer) => {
  const proofs = createProofs();
  const callback = new URL(`${REDIRECT_URI}?code=1&state=${proofs.state}`);
  for (const path of [DISCOVERY, "/token"]) {
    const { oidc } = client((url, init) =>
      url.endsWith(path) ? answer(init) : Response.json(metadata()),
    );
    await expect(oidc.redeem(callback, proofs)).rejects.toMatchObject({
      reason: "provider_unavailable",
    });
  }
});

/** A body that repeats a text for as long as it is read; `then` is called before each. */
function startOf(then: (body: ReadableStreamDefaultController) => unknown, text = "{") {
  let begun = false;
  return new ReadableStream({
    async pull(body) {
      if (begun) await then(body);
      begun = true;
      body.enqueue(new TextEncoder().encode(text));
    },
  });
}

function stall(body: ReadableStreamDefaultController, init?: RequestInit): Promise<void> {
  return untilAborted(init).then(
    () => undefined,
    (error: unknown) => body.error(error),
  );
}

test.each<[string, string, () => Response, string | undefined]>([
  [
    "ends in a slash, and the setting doesn't",
    `${ISSUER}/a`,
    () => Response.json(metadata(`${ISSUER}/a/`)),
    `${ISSUER}/a/`,
  ],
  [
    "has no final slash, and the setting has one",
    `${ISSUER}/a/`,
    () => Response.json(metadata(`${ISSUER}/a`)),
    `${ISSUER}/a`,
  ],
  [
    "is a different one",
    ISSUER,
    () => Response.json(metadata("https://other.example")),
    "https://other.example",
  ],
  ["is a template", ISSUER, () => Response.json(metadata(`${ISSUER}/{id}`)), `${ISSUER}/{id}`],
  ["does not exist", ISSUER, () => new Response("", { status: 404 }), undefined],
  [
    "answers with a web page",
    ISSUER,
    () => new Response("<p>", { headers: { "content-type": "text/html" } }),
    undefined,
  ],
  [
    "redirects",
    ISSUER,
    () => Response.redirect("https://www.id.example/", 302),
    "https://www.id.example/",
  ],
])(
  "an issuer that %s is a configuration error with both values",
  async (_what, issuer, answer, found) => {
    const { begin } = client(answer, issuer);
    const failure = await begin().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      reason: "misconfigured",
      details: { setting: "OIDC_ISSUER", configured: new URL(issuer).href },
    });
    expect((failure as { details: Record<string, unknown> }).details.found).toBe(found);
  },
);

test("the provider's issuer is logged with a bounded length", async () => {
  const { begin } = client(() => Response.json(metadata(`https://x.example/${"x".repeat(5_000)}`)));
  const failure = await begin().catch((error: unknown) => error);
  expect(JSON.stringify(failure).length).toBeLessThan(800);
});

test("metadata without an authorization endpoint is an error of the provider", async () => {
  const { begin } = client(() => Response.json({ issuer: ISSUER }));
  await expect(begin()).rejects.toMatchObject({ reason: "provider_error" });
});

function untilAborted(init?: RequestInit): Promise<Response> {
  return new Promise((_resolve, reject) => {
    init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
  });
}

test("no code is sent to an http endpoint", async () => {
  const token_endpoint = "http://id.example/token";
  const { asked, oidc } = client(() => Response.json({ ...metadata(), token_endpoint }));
  const proofs = createProofs();
  const callback = new URL(`${REDIRECT_URI}?code=1&state=${proofs.state}`);
  await expect(oidc.redeem(callback, proofs)).rejects.toMatchObject({ reason: "provider_error" });
  expect(asked.map(({ url }) => url)).not.toContain(token_endpoint);
});

test.each([
  [
    "in the body, if the provider supports that",
    ["client_secret_basic", "client_secret_post"],
    true,
  ],
  ["in the header, if it does not", ["client_secret_basic"], false],
  ["in the header, if it does not say", undefined, false],
])(
  "the client secret is sent %s",
  async (_where, token_endpoint_auth_methods_supported, inBody) => {
    const { asked, oidc } = client((url) =>
      url.endsWith("/token")
        ? Response.json({ error: "invalid_grant" }, { status: 400 })
        : Response.json({ ...metadata(), token_endpoint_auth_methods_supported }),
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
  },
);

/** Generated once, because it is slow. */
const KEYS = generateJwks();

/** A provider that can change its keys and endpoints, and a client that has signed in there. */
async function changingProvider(issuer = ISSUER, abortAfter?: AbortAfter) {
  let jwks = await KEYS;
  let prefix = "";
  let gone = 404;
  let unreachable: (url: string) => boolean = () => false;
  let claims: Record<string, unknown> = {};
  let userinfo: Record<string, unknown> | undefined;
  let signing = jwks;
  const proofs = createProofs();
  const made = client(
    (url) => {
      const path = url.slice(issuer.length);
      if (unreachable(path)) {
        throw new TypeError("fetch failed", {
          cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }),
        });
      }
      if (path === DISCOVERY) {
        return Response.json({
          ...metadata(issuer),
          token_endpoint: `${issuer}${prefix}/token`,
          jwks_uri: `${issuer}${prefix}/jwks`,
          ...(userinfo && { userinfo_endpoint: `${issuer}/userinfo` }),
        });
      }
      if (path === `${prefix}/jwks`) {
        return Response.json({
          keys: jwks.keys.map(({ kty, n, e, kid }) => ({ kty, n, e, kid })),
        });
      }
      if (path === `${prefix}/token`) {
        const id_token = signed(
          {
            iss: issuer,
            aud: CLIENT.clientId,
            sub: "1",
            nonce: proofs.nonce,
            iat: NOW,
            exp: NOW + 300,
            ...claims,
          },
          signing.keys[0],
        );
        return Response.json({ access_token: "a", token_type: "Bearer", id_token });
      }
      if (path === "/userinfo") return Response.json({ sub: "1", ...userinfo });
      return new Response("", { status: gone, headers: { location: `${issuer}${prefix}${path}` } });
    },
    issuer,
    () => NOW,
    abortAfter,
  );
  const callback = new URL(`${REDIRECT_URI}?code=1&state=${proofs.state}`);
  return {
    ...made,
    signIn: () => made.oidc.redeem(callback, proofs),
    /** A logout token, with a key ID if one is given. */
    logoutToken(kid?: string) {
      const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
      const claims = { iat: NOW, exp: NOW + 60, jti: "j", sub: "1", events };
      const header = { typ: "logout+jwt", ...(kid !== undefined && { kid }) };
      return signed({ iss: issuer, aud: CLIENT.clientId, ...claims }, signing.keys[0], header);
    },
    say(token: Record<string, unknown>, atUserinfo?: Record<string, unknown>) {
      claims = token;
      userinfo = atUserinfo;
    },
    move: (answer = 404) => {
      prefix = "/v2";
      gone = answer;
    },
    /** No connection to these paths comes about. */
    refuse(paths: (path: string) => boolean) {
      unreachable = paths;
    },
    async rotateKey({ publish = true, kid }: { publish?: boolean; kid?: string | undefined } = {}) {
      signing = await generateJwks();
      if (kid !== undefined) signing = { keys: signing.keys.map((key) => ({ ...key, kid })) };
      if (publish) jwks = signing;
    },
  };
}

test("a new signing key of the provider is accepted at once", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  await provider.rotateKey();
  await expect(provider.signIn()).resolves.toMatchObject({ subject: "1" });
  expect(provider.paths().filter((path) => path === "/token")).toHaveLength(2);
});

test("new endpoints of the provider are used at once", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  provider.move();
  await expect(provider.signIn()).resolves.toMatchObject({ subject: "1" });
  expect(provider.paths().slice(-4)).toEqual(["/token", DISCOVERY, "/v2/token", "/v2/jwks"]);
});

test("a new signing key without an id, or under the old one's, is accepted at once", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  await provider.rotateKey({ kid: (await KEYS).keys[0]?.kid });
  await expect(provider.signIn()).resolves.toMatchObject({ subject: "1" });
});

test.each([301, 302, 307, 308, 405, 410])(
  "new endpoints are used at once if the old ones answer %d",
  async (status) => {
    const provider = await changingProvider();
    await provider.signIn();
    provider.move(status);
    await expect(provider.signIn()).resolves.toMatchObject({ subject: "1" });
  },
);

test("new endpoints are used at once if no connection to the old ones comes about", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  provider.move();
  provider.refuse((path) => path === "/token");
  await expect(provider.signIn()).resolves.toMatchObject({ subject: "1" });
  expect(provider.paths().slice(-4)).toEqual(["/token", DISCOVERY, "/v2/token", "/v2/jwks"]);
});

test("a connection that fails once does not end a sign-in, and the keys stay known", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  let failed = false;
  provider.refuse((path) => {
    const first = path === "/token" && !failed;
    failed ||= first;
    return first || path === "/jwks";
  });
  await expect(provider.signIn()).resolves.toMatchObject({ subject: "1" });
});

test("connections that fail refresh the metadata with a rate limit", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  provider.refuse((path) => path === "/token");
  for (let count = 0; count < 20; count++) {
    await expect(provider.signIn()).rejects.toMatchObject({
      reason: "provider_unavailable",
      details: { cause: "ECONNREFUSED" },
    });
  }
  const reads = provider.paths().filter((path) => path === DISCOVERY);
  expect(reads.length).toBeLessThanOrEqual(6);
});

test("an issuer that is spelled otherwise than in the settings is the same, also in its tokens", async () => {
  const provider = await changingProvider("https://ID.example/tenant");
  const issuer = "https://id.example/tenant";
  expect(await provider.signIn()).toMatchObject({ issuer });
  const token = provider.logoutToken();
  expect(await provider.oidc.verifyLogoutToken(token)).toMatchObject({ issuer });
});

test("names that are too long to be kept, of an address or of the provider's session, are left out", async () => {
  const provider = await changingProvider();
  provider.say({ ...VERIFIED, sid: "s".repeat(5_000) });
  expect(await provider.signIn()).toMatchObject({ providerSid: undefined, verdict: "verified" });
  provider.say({ ...VERIFIED, email: `${"a".repeat(5_000)}@acme.example` });
  expect(await provider.signIn()).toMatchObject({ email: undefined });
});

test("unknown keys refresh the metadata with a rate limit", async () => {
  const provider = await changingProvider();
  await provider.signIn();
  await provider.rotateKey({ publish: false });
  for (let count = 0; count < 20; count++) {
    await expect(provider.signIn()).rejects.toMatchObject({ reason: "provider_error" });
  }
  const reads = provider.paths().filter((path) => path === DISCOVERY);
  expect(reads.length).toBeLessThanOrEqual(6);
});

test("logout tokens with invented keys cause one read of the keys per second, and a new key is still found", async () => {
  const time = createVirtualTime(NOW);
  const provider = await changingProvider(ISSUER, time.abortAfter);
  const verify = (kid?: string) => provider.oidc.verifyLogoutToken(provider.logoutToken(kid));
  await time.settle(verify());
  for (let round = 0; round < 3; round += 1) {
    const before = Array.from({ length: 20 }, (_, index) => verify(`invented ${index}`));
    await provider.rotateKey();
    const real = verify();
    const after = Array.from({ length: 20 }, (_, index) => verify(`made up ${index}`));
    const refused = await time.settle(Promise.all([...before, ...after]));
    expect(new Set(refused)).toEqual(new Set([expect.stringContaining("no applicable key")]));
    expect(await time.settle(real)).toMatchObject({ ended: { subject: "1" } });
  }
  const reads = provider.paths().filter((path) => path === "/jwks");
  expect(reads.length).toBeLessThanOrEqual(time.now() - NOW + 2);
  expect(provider.paths().filter((path) => path === DISCOVERY)).toHaveLength(1);
});

test("any invalid logout token is refused, and never counts as an error of the provider", async () => {
  const provider = await changingProvider();
  const good = provider.logoutToken();
  const [, claims = "", signature = ""] = good.split(".");
  const odd = fc.oneof(fc.jsonValue(), fc.constantFrom("RS256", "HS256", "none", "ES256", "b64"));
  const fields = ["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "zip", "enc"];
  const header = fc.dictionary(fc.constantFrom(...fields), odd);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = fc.oneof(
    fc.string(),
    header.map((value) => `${encode({ alg: "RS256", ...value })}.${claims}.${signature}`),
    fc.jsonValue().map((value) => `${good.split(".")[0]}.${encode(value)}.${signature}`),
    fc.string().map((value) => `${encode(value)}.${claims}.${value}`),
  );
  await fc.assert(
    fc.asyncProperty(token, async (text) => {
      expect(typeof (await provider.oidc.verifyLogoutToken(text))).toBe("string");
    }),
  );
});

const VERIFIED = { email: "ada@acme.example", email_verified: true };

test.each<[string, object, object | undefined, object]>([
  ["in the ID token", VERIFIED, undefined, { verdict: "verified" }],
  ["as text", { ...VERIFIED, email_verified: "true" }, undefined, { verdict: "verified" }],
  ["as Python's text", { ...VERIFIED, email_verified: "True" }, undefined, { verdict: "verified" }],
  [
    "as the text 'false'",
    { ...VERIFIED, email_verified: "false" },
    VERIFIED,
    { verdict: "unverified" },
  ],
  [
    "as false, whatever userinfo says",
    { ...VERIFIED, email_verified: false },
    VERIFIED,
    { verdict: "unverified" },
  ],
  ["at userinfo alone", {}, VERIFIED, { email: VERIFIED.email, verdict: "verified" }],
  [
    "at userinfo, with the address in both",
    { email: VERIFIED.email },
    VERIFIED,
    { verdict: "verified" },
  ],
  [
    "about another address at userinfo",
    { email: "x@y.example" },
    VERIFIED,
    { email: VERIFIED.email },
  ],
  ["nowhere", { email: VERIFIED.email }, { email: VERIFIED.email }, { verdict: "unstated" }],
  [
    "nowhere, if there is no userinfo",
    { email: VERIFIED.email },
    undefined,
    { verdict: "unstated" },
  ],
  [
    "at userinfo without an address",
    { email: VERIFIED.email },
    { email_verified: true },
    { email: VERIFIED.email, verdict: "verified" },
  ],
  ["as xms_edov", { email: VERIFIED.email, xms_edov: true }, undefined, { verdict: "verified" }],
  [
    "as xms_edov in text",
    { email: VERIFIED.email, xms_edov: "1" },
    undefined,
    { verdict: "verified" },
  ],
  [
    "as xms_edov beside null",
    { email: VERIFIED.email, email_verified: null, xms_edov: 1 },
    undefined,
    { verdict: "verified" },
  ],
  [
    "as a false xms_edov",
    { email: VERIFIED.email, xms_edov: false },
    undefined,
    { verdict: "unverified" },
  ],
  ["as a number", { ...VERIFIED, email_verified: 1 }, undefined, { verdict: "unstated" }],
  ["about no address", { email_verified: true }, {}, { email: undefined, verdict: "unstated" }],
])(
  "whether an e-mail address is verified is read %s",
  async (_where, token, userinfo, expected) => {
    const provider = await changingProvider();
    provider.say(token as Record<string, unknown>, userinfo as Record<string, unknown> | undefined);
    expect(await provider.signIn()).toMatchObject(expected);
  },
);

const GOOGLE = "https://accounts.google.com";
const MICROSOFT = "https://login.microsoftonline.com/tenant/v2.0";

test.each<[string, string, Record<string, unknown>, boolean]>([
  ["Google's of a domain that it hosts", GOOGLE, { ...VERIFIED, hd: "acme.example" }, true],
  ["Google's at Gmail", GOOGLE, { ...VERIFIED, email: "ada@Gmail.com" }, true],
  ["Google's with an address of elsewhere", GOOGLE, VERIFIED, false],
  ["Google's with an empty domain", GOOGLE, { ...VERIFIED, hd: "" }, false],
  ["Google's with a domain that is no text", GOOGLE, { ...VERIFIED, hd: true }, false],
  [
    "Google's of a domain that ends alike",
    GOOGLE,
    { ...VERIFIED, email: "a@evilgmail.com" },
    false,
  ],
  [
    "Microsoft's whose domain's owner is verified",
    MICROSOFT,
    { email: "a@b.example", xms_edov: true },
    true,
  ],
  ["Microsoft's that says no more than verified", MICROSOFT, VERIFIED, false],
  ["another provider's", ISSUER, VERIFIED, false],
  ["another provider's with Google's claim", ISSUER, { ...VERIFIED, hd: "acme.example" }, false],
  [
    "another provider's with Microsoft's claim",
    ISSUER,
    { email: "a@b.example", xms_edov: true },
    false,
  ],
  [
    "another provider's of a trusted domain",
    ISSUER,
    { ...VERIFIED, email: "a@Trusted.example" },
    true,
  ],
])("whether an account belongs to its domain: %s", async (_what, issuer, claims, expected) => {
  const provider = await changingProvider(issuer);
  provider.say(claims);
  expect(await provider.signIn()).toMatchObject({ subject: "1", ofDomain: expected });
});

test("the provider's sign-out page gets the client, the return URL and a hint of the user, but no token", async () => {
  const end_session_endpoint = `${ISSUER}/logout?tenant=1`;
  const { oidc } = client(() => Response.json({ ...metadata(), end_session_endpoint }));
  const url = await oidc.endSessionUrl("https://phoenix.example/signed-out", "ada@example.com");
  expect(url?.href.startsWith(`${ISSUER}/logout?tenant=1&`)).toBe(true);
  expect(Object.fromEntries(url?.searchParams ?? [])).toEqual({
    tenant: "1",
    client_id: CLIENT.clientId,
    post_logout_redirect_uri: "https://phoenix.example/signed-out",
    logout_hint: "ada@example.com",
  });
});

test.each([
  undefined,
  "javascript:alert(1)",
  "nonsense",
  `https://id.example/${"x".repeat(5_000)}`,
])("the provider's sign-out page %p is ignored", async (end_session_endpoint) => {
  const { oidc } = client(() => Response.json({ ...metadata(), end_session_endpoint }));
  expect(await oidc.endSessionUrl("https://phoenix.example/", undefined)).toBeUndefined();
});

function signed(
  claims: object,
  key: JWKS["keys"][number] | undefined,
  header: object = {},
): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const content = `${encode({ alg: "RS256", kid: key?.kid, ...header })}.${encode(claims)}`;
  const privateKey = createPrivateKey({ key: key as JsonWebKey, format: "jwk" });
  return `${content}.${sign("sha256", Buffer.from(content), privateKey).toString("base64url")}`;
}
