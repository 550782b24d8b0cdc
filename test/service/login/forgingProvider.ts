import { createPrivateKey, type JsonWebKey, sign } from "node:crypto";
import express from "express";
import type { JWKS } from "oidc-provider";
import type { OidcConfig } from "../../../service/login/settings.ts";
import { generateJwks } from "../../local/identity/keys.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { CLIENT } from "./application.ts";

/** Differences of the next token from a valid one. */
export interface Forgery {
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Signs with a key that the provider does not publish. */
  readonly foreignKey?: boolean;
  /** Replaces the signed token. */
  readonly idToken?: (good: string) => string;
  /** Replaces the whole response. */
  readonly answer?: {
    readonly status: number;
    readonly body: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly userinfo?: Readonly<Record<string, unknown>>;
}

export interface ForgingProvider extends RunningServer {
  readonly oidc: OidcConfig;
  forgery: Forgery;
  /** The valid nonce. */
  nonce: string;
  /** Requested paths. */
  readonly asked: string[];
}

/** Starts a provider whose responses the test controls. */
export async function startForgingProvider(): Promise<ForgingProvider> {
  const [own, foreign] = [await generateJwks(), await generateJwks()];
  const app = express();
  const asked: string[] = [];
  app.use(express.urlencoded({ extended: false }), (req, _res, next) => {
    asked.push(req.path);
    next();
  });
  app.get("/.well-known/openid-configuration", (_req, res) => {
    res.json({
      issuer: server.url,
      authorization_endpoint: `${server.url}/auth`,
      token_endpoint: `${server.url}/token`,
      userinfo_endpoint: `${server.url}/userinfo`,
      jwks_uri: `${server.url}/jwks`,
      id_token_signing_alg_values_supported: ["RS256"],
      prompt_values_supported: ["none", "login"],
    });
  });
  app.get("/jwks", (_req, res) => {
    res.json({
      keys: own.keys.map(({ kty, n, e, kid, alg, use }) => ({ kty, n, e, kid, alg, use })),
    });
  });
  app.post("/token", (_req, res) => {
    const { answer, claims, foreignKey = false, idToken = (good) => good } = provider.forgery;
    if (answer !== undefined) {
      res.status(answer.status).set(answer.headers).json(answer.body);
      return;
    }
    const now = Math.floor(Date.now() / 1000);
    const good = {
      iss: server.url,
      aud: CLIENT.clientId,
      sub: "somebody",
      email: "somebody@example.com",
      email_verified: true,
      nonce: provider.nonce,
      iat: now,
      exp: now + 300,
    };
    res.json({
      access_token: "an access token",
      token_type: "Bearer",
      id_token: idToken(signed(foreignKey ? foreign : own, own, { ...good, ...claims })),
    });
  });
  app.get("/userinfo", (_req, res) => void res.json(provider.forgery.userinfo));
  const server = await serve(app);
  const oidc = { issuer: new URL(server.url), ...CLIENT };
  const provider: ForgingProvider = { ...server, oidc, forgery: {}, nonce: "", asked };
  return provider;
}

/** A token signed by one key set under the other's key id. */
function signed(signing: JWKS, naming: JWKS, claims: object): string {
  const [key] = signing.keys;
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const content = `${encode({ alg: "RS256", kid: naming.keys[0]?.kid })}.${encode(claims)}`;
  const privateKey = createPrivateKey({ key: key as JsonWebKey, format: "jwk" });
  return `${content}.${sign("sha256", Buffer.from(content), privateKey).toString("base64url")}`;
}
