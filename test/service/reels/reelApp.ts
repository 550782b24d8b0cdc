import { join } from "node:path";
import express from "express";
import { type InjectOptions, inject, type Response } from "light-my-request";
import type { SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { csrfProtection } from "../../../service/login/csrf.ts";
import { reelRoutes } from "../../../service/reels/routes.ts";
import { dataCookie } from "../../../service/session/cookie.ts";
import { sealCredential } from "../../../service/session/credential.ts";
import { createSealer, type Sealer } from "../../../service/session/sealer.ts";
import { cookieOf, ring, sessionOf } from "../../hostile/target.ts";
import { ada } from "../../local/identity/users.ts";
import { type CredentialData, sessionApp } from "../../support/sessionApp.ts";

const DIRECTORY = join(import.meta.dirname, "..", "..", "..", "service", "reels");
/** Folder of the clips that ship with the service. */
export const CLIPS = join(DIRECTORY, "clips");
export const INSTANCE = "reels-1";

interface ReelAppOptions {
  readonly keys?: SessionKeys;
  /** Folder of the application. */
  readonly directory?: string;
}

/** A signed-in user, who keeps the cookies that responses set. */
interface Visitor {
  send(request: InjectOptions | string): Promise<Response>;
  /** Saves a reel as the page does, with the session's CSRF token. */
  save(body: unknown): Promise<Response>;
  /** The session's reel. */
  reel(): Promise<unknown>;
}

export interface ReelApp {
  /** The service's Unix time in seconds, which tests can set. */
  readonly time: { now: number };
  readonly sealer: Sealer;
  /** Parsed lines of the log. */
  readonly lines: Record<string, unknown>[];
  /** Sends a request without a session. */
  send(request: InjectOptions | string): Promise<Response>;
  /** A user with a credential, and with a saved reel unless it is null. */
  signedIn(session?: CredentialData, reel?: unknown): Visitor;
}

/** The reel maker's routes behind sessions, body parsers and CSRF check, with a fake clock. */
export function reelApp({ keys = ring(), directory = DIRECTORY }: ReelAppOptions = {}): ReelApp {
  const time = { now: 1_800_000_000 };
  const clock = () => time.now;
  const environment = "test";
  const sealer = createSealer({ keys, environment, clock });
  const { app, lines } = sessionApp({ keys, environment, clock }, (routes) => {
    const write = (details: object, message: string) => void lines.push({ ...details, message });
    const log = { info: write, warn: write, error: write };
    routes.use(express.json(), express.urlencoded({ extended: false }), csrfProtection());
    routes.use(reelRoutes({ sealer, clock, instance: INSTANCE, directory, log }));
  });

  async function send(request: InjectOptions | string, cookie?: string): Promise<Response> {
    const { headers, ...options } = typeof request === "string" ? { url: request } : request;
    return inject(app, { ...options, headers: { ...(cookie && { cookie }), ...headers } });
  }

  function signedIn(session: CredentialData = sessionOf(ada), reel: unknown = ["embers"]): Visitor {
    const times = { iat: time.now, exp: time.now + 604_800 };
    const sealed = sealCredential(sealer, "session", { ...session, ...times });
    const cookies = new Map([["session", cookieOf(sealed)]]);
    if (reel !== null) {
      const data = sealer.seal("data", { ...times, data: { reel } }, session.sid);
      cookies.set(dataCookie(false, session.sid).name, cookieOf(data));
    }

    async function visit(request: InjectOptions | string): Promise<Response> {
      const header = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const response = await send(request, header);
      for (const set of [response.headers["set-cookie"] ?? []].flat()) {
        const [name = "", value = ""] = set.split(/[=;]/, 2);
        cookies.set(name, value + "=".repeat(-value.length & 3));
      }
      return response;
    }

    return {
      send: visit,
      save: (body) =>
        visit({
          method: "POST",
          url: "/api/reel",
          headers: {
            "content-type": "application/json",
            "x-csrf-token": session.csrf_token,
          },
          payload: JSON.stringify(body),
        }),
      reel: async () => (await visit("/api/reel")).json().clips,
    };
  }

  return { time, sealer, lines, send, signedIn };
}

/** The parts of an error response that programs use: status, media type and the problem's code. */
export function refusal(response: Response): unknown[] {
  const { statusCode, headers } = response;
  const problem = response.json<{ type: string; status: number; code: string; title: string }>();
  return [
    statusCode,
    headers["content-type"],
    headers["cache-control"],
    problem.type,
    problem.status,
    problem.code,
    problem.title === "",
  ];
}

/** What `refusal` returns for a proper problem document, which is no-store. */
export function problem(status: number, code: string): unknown[] {
  const type = "application/problem+json; charset=utf-8";
  return [status, type, "no-store", "about:blank", status, code, false];
}
