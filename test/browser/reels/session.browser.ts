import { expect, test } from "@jest/globals";
import { grace } from "../../local/identity/users.ts";
import { hasFocus } from "../focus.ts";
import { changeToken } from "../sessionCookie.ts";
import { until } from "../until.ts";
import { type ReelVisit, useReelStage } from "./reelVisit.ts";

const stage = useReelStage();

/** Ends the visitor's session by making the cookie invalid. */
function endSession({ context }: ReelVisit): Promise<void> {
  return changeToken(context, (token) => `${token.slice(0, -8)}AAAAAAAA`);
}

async function signInAgain({ page }: ReelVisit): Promise<void> {
  await page.getByRole("link", { name: "Sign in again" }).click();
  await page.getByRole("button", { name: /Ada/ }).click();
  await page.waitForURL("**/reel-maker");
}

test("signing out removes the reel, and its draft from the browser", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  expect(await page.evaluate("localStorage.length + sessionStorage.length")).toBe(0);
});

test("a change made after the session has ended is kept, and restored after sign-in", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Aurora");
  await endSession(visit);
  await visit.card("Silk").click();
  await page.getByText("Your session has ended").waitFor();
  await page.getByText("Kept on this device", { exact: true }).waitFor();
  await visit.card("Coral").click();
  expect(await visit.reel()).toEqual(["Embers", "Aurora", "Silk", "Coral"]);
  await signInAgain(visit);
  await visit.untilLoaded();
  await visit.untilSaved();
  expect(await visit.reel()).toEqual(["Embers", "Aurora", "Silk", "Coral"]);
  await page.reload();
  await visit.untilLoaded();
  expect(await visit.reel()).toEqual(["Embers", "Aurora", "Silk", "Coral"]);
  visit.forgive(/status of 401/);
});

test("if the session ends while a reel plays, the link to sign-in is visible", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const { page } = visit;
  await visit.choose("Embers", "Aurora");
  await page.route("**/media/aurora.mp4*", (route) => route.fulfill({ status: 403, body: "" }));
  await endSession(visit);
  await page.getByRole("button", { name: "Play reel" }).click();
  await page.getByText("Your session has ended").waitFor();
  await until(async () => !(await page.locator("#theatre").isVisible()));
  expect(await hasFocus(page.getByRole("link", { name: "Sign in again" }))).toBe(true);

  await page.getByRole("button", { name: "Remove Embers" }).click();
  await page.getByRole("button", { name: "Play reel" }).click();
  await until(async () => !(await page.locator("#theatre").isVisible()));
  expect(await hasFocus(page.getByRole("link", { name: "Sign in again" }))).toBe(true);
  visit.forgive(/status of (401|403)/);
});

test("a user who signs in after another one does not see the other's reel", async () => {
  const visit = await stage.visit();
  await visit.begin();
  await visit.choose("Embers");
  await endSession(visit);
  await visit.card("Silk").click();
  await visit.page.getByText("Your session has ended").waitFor();
  await visit.context.clearCookies();
  await visit.begin(grace);
  await visit.page.getByText("Nothing here yet.").waitFor();
  expect(await visit.reel()).toEqual([]);
  visit.forgive(/status of 401/);
});

test("a reel that is saved in one tab appears in the other", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const other = await visit.openTab();
  await visit.choose("Embers", "Tides");
  await until(async () => (await visit.reel(other)).length === 2);
  await other.getByRole("button", { name: "Remove Embers" }).click();
  await until(async () => (await visit.reel()).length === 1);
  expect(await visit.reel()).toEqual(["Tides"]);
});

test("signing in again in one tab restores the session of the other", async () => {
  const visit = await stage.visit();
  await visit.begin();
  const other = await visit.openTab();
  await visit.choose("Embers");
  await endSession(visit);
  await visit.card("Silk", other).click();
  await other.getByText("Your session has ended").waitFor();
  await visit.page.goto("/reel-maker");
  await visit.page.getByRole("button", { name: /Ada/ }).click();
  await visit.page.waitForURL("**/reel-maker");
  await visit.untilLoaded(other);
  await until(async () => (await visit.reel(other)).join() === "Embers,Silk");
  expect(await other.locator("#notice").isVisible()).toBe(false);
  visit.forgive(/status of 401/);
});

test("a late response to a save changes nothing after a sign-out, nor after another user's sign-in", async () => {
  for (const next of [undefined, grace]) {
    const visit = await stage.visit();
    await visit.begin();
    const { page, context } = visit;
    const token = await page.evaluate(`document.querySelector("meta[name=csrf-token]").content`);
    // A tab without the page's script, which would stop saving.
    const other = await context.newPage();
    await other.goto(`${stage.url}/static/favicon.svg`);
    const arrived = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    await other.route("**/api/reel", async (route) => {
      const response = await route.fetch();
      arrived.resolve();
      await answered.promise;
      await route.fulfill({ response });
    });
    const headers = { "content-type": "application/json", "x-csrf-token": token };
    const init = JSON.stringify({ method: "POST", headers, body: '{"clips":["embers"]}' });
    const late = other.evaluate(`fetch("/api/reel", ${init}).then(({ status }) => status)`);
    await arrived.promise;
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    if (next !== undefined) await visit.begin(next);
    answered.resolve();
    expect(await late).toBe(200);
    const now = await other.evaluate(`fetch("/api/session").then((answer) => answer.json())`);
    expect(now).toMatchObject(next ? { user_id: next.sub } : { code: "sign_in_required" });
    visit.forgive(/status of 40[14]/);
  }
});
