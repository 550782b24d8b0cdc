import { expect, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { useStage } from "./useStage.ts";
import { Visit } from "./visit.ts";

/** With a provider that remembers users, as most do. */
const stage = useStage(Visit, { provider: "keycloak" });

const TABS = [1, 2, 3, 4, 5, 6];

test("tabs that are restored together after the session ended all sign in, to one session", async () => {
  const visit = await stage.visit();
  const { context } = visit;
  await visit.signIn();
  // An open page would react to the missing session.
  await visit.page.goto("about:blank");
  await context.clearCookies({ domain: "localhost" });
  const pages = await Promise.all(TABS.map(() => context.newPage()));
  await Promise.all(
    pages.map((page, index) => page.goto(`${application.home}?tab=${TABS[index]}`)),
  );
  expect(pages.map((page) => new URL(page.url()).search)).toEqual(TABS.map((tab) => `?tab=${tab}`));
  const tokens = pages.map((page) =>
    page.locator('meta[name="csrf-token"]').getAttribute("content"),
  );
  expect(new Set(await Promise.all(tokens)).size).toBe(1);
  const answers = pages.map((page) =>
    page.evaluate(`fetch(${JSON.stringify(application.api)}).then(({ status }) => status)`),
  );
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
});

test("after signing out, the page links to the provider's sign-out, after which the provider asks again", async () => {
  const visit = await stage.visit();
  await visit.signIn();
  const { page } = visit;
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("link", { name: "sign out at the provider" }).click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL("**/signed-out");
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByText("Who are you?").waitFor();
});
