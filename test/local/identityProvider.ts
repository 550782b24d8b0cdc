import { randomBytes } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { text } from "node:stream/consumers";
import {
  type AccountClaims,
  type Configuration,
  interactionPolicy,
  type JWKS,
  type KoaContextWithOIDC,
  Provider,
} from "oidc-provider";
import { closeServer, listenOnLoopback } from "../support/httpServer.ts";
import {
  BEHAVIORS,
  type ClaimsSource,
  type ProviderBehavior,
  type ProviderName,
} from "./identity/behaviors.ts";
import { generateJwks } from "./identity/keys.ts";
import { createMemory } from "./identity/memory.ts";
import {
  CONTENT_SECURITY_POLICY,
  chooseUserPage,
  endSessionPage,
  failurePage,
  sessionEndedPage,
} from "./identity/page.ts";
import { LOCAL_USERS, type LocalUser } from "./identity/users.ts";
import { forOwnHosts } from "./ownHosts.ts";

interface IdentityProviderOptions {
  /** TCP port on the loopback interface; 0 for any. */
  readonly port: number;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly users?: readonly LocalUser[];
  /** Provider whose behavior it imitates; default: `plain`. */
  readonly provider?: ProviderName;
  /** Keys that sign ID tokens, to keep them over a restart; default: new ones. */
  readonly jwks?: JWKS;
}

export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  close(): Promise<void>;
}

const SCOPE = "openid email profile";
const CLAIMS = {
  openid: ["sub"],
  email: ["email", "email_verified", "xms_edov"],
  profile: ["name", "given_name", "family_name", "picture"],
};
const BACKCHANNEL = "/login/backchannel";
const MAX_FORM_BYTES = 1_000;

/**
 * A real OpenID Connect provider for applications on this machine, at any port, behind TLS or not,
 * whose callback is `/login/callback`. Users choose who they are, without a password. Logout tokens
 * go to `/login/backchannel` of the application that was signed in to last.
 *
 * Its issuer is at 127.0.0.1, so that it shares no cookies with an application at localhost: cookies
 * belong to hosts, not to ports.
 */
export async function startIdentityProvider({
  port,
  clientId,
  clientSecret,
  users = LOCAL_USERS,
  provider: name = "plain",
  jwks,
}: IdentityProviderOptions): Promise<IdentityProvider> {
  const keys = jwks ?? (await generateJwks());
  const server = createServer();
  const origin = `http://127.0.0.1:${await listenOnLoopback(server, port)}`;
  const behavior = BEHAVIORS[name];
  const issuer = `${origin}${behavior.issuerPath}`;
  /** The application that somebody signed in to last. It gets the logout tokens. */
  let application = "http://localhost";
  const sendLogoutToken: typeof fetch = (_url, init = {}) => {
    // oidc-provider's own dispatcher refuses addresses of this machine.
    const { method = "POST", headers = {}, body = null, signal = null } = init;
    return fetch(new URL(BACKCHANNEL, application), { method, headers, body, signal });
  };
  const provider = new Provider(
    issuer,
    configuration({ clientId, clientSecret, users, behavior, keys, sendLogoutToken }),
  );
  provider.on("authorization.success", ({ oidc }) => {
    application = String(oidc.params?.redirect_uri);
  });
  provider.Client.prototype.redirectUriAllowed = isLoopbackCallback;
  provider.Client.prototype.postLogoutRedirectUriAllowed = isLoopback;
  const handle = provider.callback();
  const listener: RequestListener = (req, res) => {
    if (!req.url?.startsWith("/sign-in/")) {
      void handle(below(behavior.issuerPath, req), res);
      return;
    }
    signInPage({ provider, users, remember: behavior.remembersUser }, req, res).catch(
      (error: unknown) => {
        sendPage(res, 400, failurePage("The sign-in is over", String(error)));
      },
    );
  };
  server.on("request", forOwnHosts(listener));
  const close = () => closeServer(server);
  return { issuer, close, [Symbol.asyncDispose]: close };
}

/** Mounts oidc-provider below a path, as Express would: it compares `url` and `originalUrl`. */
function below(path: string, req: IncomingMessage): IncomingMessage {
  const { url = "/" } = req;
  if (path === "" || !url.startsWith(path)) return req;
  return Object.assign(req, { originalUrl: url, url: url.slice(path.length) || "/" });
}

interface ConfigurationDeps {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly users: readonly LocalUser[];
  readonly behavior: ProviderBehavior;
  readonly keys: JWKS;
  readonly sendLogoutToken: typeof fetch;
}

function configuration({
  clientId,
  clientSecret,
  users,
  behavior,
  keys,
  sendLogoutToken,
}: ConfigurationDeps): Configuration {
  const policy = interactionPolicy.base();
  policy.remove("consent");
  if (!behavior.remembersUser) {
    policy.get("login")?.checks.add(
      new interactionPolicy.Check("choice", "Who is it this time?", "login_required", (ctx) => {
        const { REQUEST_PROMPT, NO_NEED_TO_PROMPT } = interactionPolicy.Check;
        return ctx.oidc.result?.login === undefined ? REQUEST_PROMPT : NO_NEED_TO_PROMPT;
      }),
    );
  }
  policy.add(new interactionPolicy.Prompt({ name: "select_account", requestable: true }), 0);
  return {
    adapter: createMemory(),
    claims: CLAIMS,
    clientBasedCORS: () => false,
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: ["https://localhost/login/callback"],
        token_endpoint_auth_method: "client_secret_post",
        ...(behavior.backchannelLogout && {
          backchannel_logout_uri: `https://localhost${BACKCHANNEL}`,
          backchannel_logout_session_required: true,
        }),
      },
    ],
    conformIdTokenClaims: false,
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    // Another user may have been chosen in another tab in the meantime.
    expiresWithSession: () => false,
    features: {
      backchannelLogout: { enabled: behavior.backchannelLogout === true },
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: behavior.hasSignOutPage,
        logoutSource: (ctx, form) => show(ctx, endSessionPage(form)),
        postLogoutSuccessSource: (ctx) => show(ctx, sessionEndedPage()),
      },
    },
    fetch: (url, init) => sendLogoutToken(url as string, init as RequestInit),
    findAccount: (_ctx, sub) => {
      const user = users.find((candidate) => candidate.sub === sub);
      const claims = (use: string) => claimsOf(user as LocalUser, behavior, use as ClaimsSource);
      return user && { accountId: sub, claims };
    },
    interactions: { policy, url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
    jwks: keys,
    loadExistingGrant: grantAll,
    pkce: { required: () => true },
    renderError: (ctx, { error, error_description }) => {
      show(ctx, failurePage(error, error_description));
    },
    scopes: SCOPE.split(" "),
    ttl: {
      AccessToken: 3_600,
      AuthorizationCode: 60,
      Grant: 3_600,
      IdToken: 3_600,
      Interaction: 3_600,
      Session: 3_600,
    },
  };
}

/** Grants the scope without asking the user for consent. */
async function grantAll({ oidc }: KoaContextWithOIDC) {
  const { Grant } = oidc.provider;
  const grant = new Grant({
    clientId: oidc.client?.clientId ?? "",
    accountId: oidc.session?.accountId ?? "",
  });
  grant.addOIDCScope(SCOPE);
  await grant.save();
  return grant;
}

/** The long `picture` makes ID tokens as large as real ones, about 1.1 kB. */
function claimsOf(
  user: LocalUser,
  { emailClaims }: ProviderBehavior,
  source: ClaimsSource,
): AccountClaims {
  const { sub, name, given_name, family_name } = user;
  const picture = `https://pictures.example.com/a/${sub.padEnd(150, "0")}=s96-c`;
  return { sub, name, given_name, family_name, picture, ...emailClaims(user, source) };
}

function isLoopback(uri: string): boolean {
  return /^https?:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\/[\w/-]*$/.test(uri);
}

function isLoopbackCallback(uri: string): boolean {
  return isLoopback(uri) && new URL(uri).pathname === "/login/callback";
}

function show(ctx: KoaContextWithOIDC, page: string): void {
  ctx.type = "html";
  ctx.set("Content-Security-Policy", CONTENT_SECURITY_POLICY);
  ctx.body = page;
}

interface SignInPageDeps {
  readonly provider: Provider;
  readonly users: readonly LocalUser[];
  readonly remember: boolean;
}

async function signInPage(
  { provider, users, remember }: SignInPageDeps,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  await provider.interactionDetails(req, res);
  if (req.method !== "POST") {
    sendPage(res, 200, chooseUserPage(users));
    return;
  }
  const form = new URLSearchParams((await text(req)).slice(0, MAX_FORM_BYTES));
  const user = users.find(({ id }) => id === form.get("user"));
  if (user !== undefined) {
    const login = { accountId: user.sub, remember };
    await provider.interactionFinished(req, res, { login, select_account: {} });
  } else {
    const result = { error: "access_denied", error_description: "The user pressed Cancel." };
    await provider.interactionFinished(req, res, result);
  }
}

function sendPage(res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Content-Type": "text/html; charset=utf-8",
  });
  res.end(body);
}
