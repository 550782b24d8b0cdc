import { expect } from "@jest/globals";
import type { Response } from "light-my-request";

/** Expectations for the response to any request. It may redirect to the sign-in provider. */
export function expectSoundAnswer(response: Response, request: unknown, provider: string): void {
  const { statusCode, headers } = response;
  const context = { request, statusCode, headers };
  const text = response.rawPayload.length < 100_000 ? response.payload : "";
  const problems = [
    statusCode >= 500 && "a fault of the server's",
    statusCode < 200 && "no answer",
    headers["set-cookie"] !== undefined && !onlySignIn(headers["set-cookie"]) && "a session cookie",
    headers["content-security-policy"] === undefined && "no Content-Security-Policy",
    headers["x-content-type-options"] !== "nosniff" && "no nosniff",
    headers["access-control-allow-origin"] !== undefined && "open to other origins",
    headers["x-powered-by"] !== undefined && "tells what it is made with",
    /node_modules|\bat \S+ \(|\.ts:\d|\.js:\d/.test(text) && "a stack",
    !staysHere(headers.location, provider) && "leads elsewhere",
  ].filter(Boolean);
  expect({ ...context, problems }).toMatchObject({ problems: [] });
}

function onlySignIn(setCookie: string | string[]): boolean {
  return [setCookie].flat().every((line) => /^sign-in-/.test(line));
}

function staysHere(location: string | undefined, provider: string): boolean {
  if (location === undefined) return true;
  const { origin } = new URL(location, "http://phoenix.example");
  return origin === "http://phoenix.example" || origin === provider;
}
