import { describe, expect, test } from "@jest/globals";
import { objections, overhang } from "./accessibility.ts";
import { changeToken } from "./sessionCookie.ts";
import { useStage } from "./useStage.ts";
import { Visit } from "./visit.ts";

const stage = useStage(Visit);

/** Every page of the platform, and how to open it. */
const PAGES: Record<string, (visit: Visit) => Promise<void>> = {
  "the start page": async ({ page }) => {
    await page.goto("/");
  },
  "the local provider's page": async ({ page }) => {
    await page.goto("/login");
    await page.getByText("Who are you?").waitFor();
  },
  "a sign-in that was cancelled": async ({ page }) => {
    await page.goto("/login");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("You are not signed in").waitFor();
  },
  "a sign-in without a verified address": async ({ page }) => {
    await page.goto("/login");
    await page.getByRole("button", { name: /Mallory/ }).click();
    await page.getByRole("heading", { name: /is not verified/ }).waitFor();
  },
  "a sign-in that is over": async ({ page }) => {
    await page.goto("/login/callback?state=s&code=c");
  },
  "an address with nothing at it": async ({ page }) => {
    await page.goto("/nowhere");
    await page.getByText("Not found").waitFor();
  },
  "a form with a false token": async (visit) => {
    const { page } = visit;
    await visit.begin();
    await page.evaluate(`{
      const form = document.querySelector("#sign-out-everywhere");
      form.elements._csrf.value = "false";
      form.submit();
    }`);
    await page.getByRole("link", { name: "Go to the start page" }).waitFor();
  },
  "keys that can't be read": async (visit) => {
    const { context, page } = visit;
    await visit.begin();
    await changeToken(context, (token) => token.replace(/^v1\.\d+/, "v1.7"));
    const { standIn } = stage.deployment.secretManager;
    standIn.fail({ fault: "unavailable" });
    try {
      await page.reload();
      await page.getByText("One moment, please").waitFor();
    } finally {
      standIn.heal();
    }
  },
};

describe.each(Object.entries(PAGES))("%s", (_name, open) => {
  test("is accessible in light mode, and in dark mode at 320 pixels without overflow", async () => {
    // Without the content security policy, which forbids axe-core's script.
    const visit = await stage.visit({ bypassCSP: true, reducedMotion: "reduce" });
    const { page } = visit;
    await open(visit);
    expect(await objections(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await objections(page)).toEqual([]);
    expect(await overhang(page)).toBe(0);
    visit.forgive(/status of 4\d\d|status of 503/);
  });
});
