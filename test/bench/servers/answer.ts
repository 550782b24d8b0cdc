import { createServer, type RequestListener } from "node:http";
import { visitorSession } from "../visitor.ts";

/** What the servers have in common, so that nothing but the handling of sessions differs. */

/** The answer to a visitor who is signed in. */
export const ANSWER = { data: null, instance: "bench" };

export const REFUSAL = { code: "sign_in_required" };

/** The session that a sign-in begins, by the visitor's number in the query. */
export function sessionOf(query: { readonly visitor?: unknown }): object {
  return visitorSession(Number(query.visitor));
}

/** Whether a session is that of somebody signed in. */
export function isSignedIn(session: unknown): boolean {
  return typeof (session as { readonly user_id?: unknown } | null)?.user_id === "string";
}

export function listen(listener: RequestListener): void {
  createServer(listener).listen(Number(process.env.PORT), "127.0.0.1");
  endOnSigterm();
}

/** Ends in a way that lets Node write its profile. */
export function endOnSigterm(): void {
  process.once("SIGTERM", () => process.exit(0));
}
