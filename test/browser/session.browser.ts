import { expect, test } from "@jest/globals";
import type { Page } from "playwright-core";
import { application } from "../../service/application.ts";
import { ada, grace } from "../local/identity/users.ts";
import { until } from "./until.ts";
import { useStage } from "./useStage.ts";
import { Visit } from "./visit.ts";

const stage = useStage(Visit);

/** A visit with ada's session, whose pages may be refused what they still load when it ends. */
async function beginVisit(): Promise<Visit> {
  const visit = await stage.visit();
  visit.forgive(/status of 401/);
  await visit.begin(ada);
  return visit;
}

/** The page's CSRF token. */
function tokenOf(page: Page): Promise<string> {
  return page.evaluate(`document.querySelector("meta[name=csrf-token]").content`);
}

test("signing out leads to a confirmation page and deletes the session's cookie", async () => {
  const visit = await beginVisit();
  const { page } = visit;
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/signed-out");
  expect((await visit.context.cookies(stage.url)).map(({ name }) => name)).not.toContain("session");
});

test("signing out everywhere leads there as well, also if the first response is lost", async () => {
  const visit = await beginVisit();
  const { page, context } = visit;
  let lost = 0;
  await page.route("**/logout/everywhere", async (route) => {
    if (lost > 0) return await route.continue();
    lost += 1;
    const cookies = await context.cookies(stage.url);
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const headers = { "x-csrf-token": await tokenOf(page), cookie };
    const options = { method: "POST", headers, redirect: "manual" } as const;
    expect((await fetch(route.request().url(), options)).status).toBe(303);
    await route.abort();
  });
  await page.locator("#sign-out-everywhere button").click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  expect([lost, new URL(page.url()).pathname]).toEqual([1, "/signed-out"]);
  visit.forgive(/ERR_FAILED/);
});

test("after signing out the back button shows nothing private", async () => {
  const visit = await beginVisit();
  const { page } = visit;
  await page.goto(`${application.home}?again`);
  await visit.untilLoaded();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  await page.goBack();
  await page.getByText("Who are you?").waitFor();
  expect(await page.content()).not.toContain(`${ada.email}</p>`);
});

test("signing out in one tab signs out in the other", async () => {
  const visit = await beginVisit();
  const other = await visit.openTab();
  await visit.page.getByRole("button", { name: "Sign out", exact: true }).click();
  await other.getByRole("link", { name: "Sign in" }).waitFor();
  expect(new URL(other.url()).pathname).toBe("/");
  expect(await other.content()).not.toContain(ada.email);
});

test("a tab reloads if the other tab's sign-out fails, because it has stopped saving", async () => {
  const visit = await beginVisit();
  await visit.context.clock.install();
  const other = await visit.openTab();
  await visit.page.route("**/logout", (route) => route.fulfill({ status: 503, body: "later" }));
  const told = other.evaluate(
    `new Promise((resolve) => new BroadcastChannel("session").addEventListener("message", resolve)).then(() => {})`,
  );
  await visit.page.getByRole("button", { name: "Sign out", exact: true }).click();
  await visit.page.getByText("later").waitFor();
  await told;
  const reloaded = other.waitForEvent("load");
  await other.clock.fastForward("00:10");
  await reloaded;
  await visit.untilLoaded(other);
  visit.forgive(/status of 503/);
});

test("signing in again in one tab renews the other's token, in its forms as well", async () => {
  const visit = await beginVisit();
  const other = await visit.openTab();
  const before = await tokenOf(other);
  await visit.begin();
  const renewed = await tokenOf(visit.page);
  expect(renewed).not.toBe(before);
  await until(async () => (await tokenOf(other)) === renewed);
  // As a form, without the page's script.
  await other.evaluate(`document.querySelector("#sign-out").submit()`);
  await other.getByRole("link", { name: "Sign in" }).waitFor();
});

test("signing in as another user in one tab leaves nothing of the first in the other", async () => {
  const visit = await beginVisit();
  const other = await visit.openTab();
  await visit.begin(grace);
  await other.getByText(grace.email).waitFor();
  expect(await other.content()).not.toContain(ada.email);
});
