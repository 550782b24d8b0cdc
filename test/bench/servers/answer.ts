import { createServer, type RequestListener } from "node:http";
import { visitorSession } from "../visitor.ts";

/** What the servers have in common, so that nothing but the handling of sessions differs. */

/** The response to a signed-in visitor. */
export const ANSWER = { data: null, instance: "bench" };

export const REFUSAL = { code: "sign_in_required" };

/** The session of a sign-in, by the visitor's number in the query. */
export function sessionOf(query: { readonly visitor?: unknown }): object {
  return visitorSession(Number(query.visitor));
}

/** Whether a session is signed in. */
export function isSignedIn(session: unknown): boolean {
  return typeof (session as { readonly user_id?: unknown } | null)?.user_id === "string";
}

export function listen(listener: RequestListener): void {
  createServer(listener).listen(Number(process.env.PORT), "127.0.0.1");
  endOnSigterm();
}

/** Exits on SIGTERM so that Node writes its profile. */
export function endOnSigterm(): void {
  process.once("SIGTERM", () => process.exit(0));
}
