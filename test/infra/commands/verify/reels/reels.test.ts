import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { reelChecks } from "../../../../../infra/commands/verify/reels.ts";
import { startProvider } from "../../../../service/login/application.ts";
import { signIn } from "../../../../support/signIn.ts";
import * as command from "../support/run.ts";
import { instance, instead, site } from "../support/site.ts";

let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

const FEW = ["--requests", "12"];

function runJson(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return command.runJson(args, { env, applicationChecks: reelChecks });
}

async function verify(damage: RequestHandler) {
  await using broken = await site(instance({ oidc: provider.oidc, damage }));
  return await runJson([broken.url, ...FEW]);
}

test.each<[what: string, check: string, cause: string, damage: RequestHandler]>([
  [
    "clips that one instance can't open",
    "clips",
    "can't open the URL",
    instead(
      (_method, path) => path === "/media/tides.mp4",
      (res) => void res.sendStatus(403),
    ),
  ],
  [
    "keys that can't be read for a while",
    "server-errors",
    "keys that seal sessions can't be read",
    instead(
      (_method, path) => path === "/api/clips/tides/url",
      (res) => void res.status(503).json({ status: 503, code: "keys_unavailable" }),
    ),
  ],
])("reports %s", async (_what, check, cause, damage) => {
  const { status, failed, text } = await verify(damage);
  expect(status).toBe(1);
  expect(failed).toContain(check);
  expect(text(check)).toContain(cause);
});

test("reports a changed reel", async () => {
  let saves = 0;
  const damage: RequestHandler = (req, res, next) => {
    // The right token is in the first one.
    if (req.method === "POST" && req.path === "/api/reel") saves += 1;
    if (saves === 1 && req.method === "GET" && req.path === "/api/reel") {
      res.set("cache-control", "no-store").json({ clips: ["coral"] });
    } else next();
  };
  const { failed, text } = await verify(damage);
  expect(failed).toEqual(["reel"]);
  expect(text("reel")).toContain("the reel has changed");
});

test.each([
  ["no reel yet", null],
  ["a reel", ["tides", "embers"]],
])("does not change %s, also with sessions in files", async (_what, reel) => {
  await using running = await site(instance({ oidc: provider.oidc, sessionType: "filesystem" }));
  const visitor = await signIn(running.url);
  // A session in a file may still be written when the response to the sign-in arrives.
  while ((await visitor.fetch("/api/reel")).status === 401);
  if (reel !== null) {
    const saved = await visitor.fetch("/api/reel", {
      method: "POST",
      body: JSON.stringify({ clips: reel }),
      headers: {
        "content-type": "application/json",
        "x-csrf-token": await visitor.csrfToken(),
      },
    });
    await saved.text();
  }
  const { text } = await runJson([running.url, ...FEW], {
    PHOENIX_SESSION: visitor.cookies.get("session"),
  });
  expect(text("reel")).toContain("can be saved; yours is as it was");
  const kept = await visitor.fetch("/api/reel");
  expect(await kept.json()).toMatchObject({ clips: reel });
});

test("checks the attributes of the data cookie", async () => {
  await using running = await site(instance({ oidc: provider.oidc }));
  const visitor = await signIn(running.url);
  const { failed, text } = await runJson([running.url, ...FEW], {
    PHOENIX_SESSION: visitor.cookies.get("session"),
  });
  expect(failed).toEqual([]);
  expect(text("session-cookie")).toMatch(/data-[\w-]{8}: HttpOnly, SameSite=lax, Path=\//);
});
