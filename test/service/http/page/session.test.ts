import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";

/** By its path only: its types need a browser's. */
const SCRIPT = join(import.meta.dirname, "../../../../service/http/page/session.ts");

interface PageSession {
  csrfToken(): string;
  renewCsrfToken(): Promise<boolean>;
  tell(message: unknown): void;
}

const { fetch, BroadcastChannel, setTimeout } = globalThis;
const originals = { fetch, BroadcastChannel, setTimeout };
afterEach(() => {
  Object.assign(globalThis, originals);
  for (const name of ["document", "window", "location"]) Reflect.deleteProperty(globalThis, name);
});

/** Ada's page in a fake browser that has only what the script uses. */
async function openPage(fetch: (path: string, init: RequestInit) => Promise<Partial<Response>>) {
  /** Events of the page, in order. */
  const seen: unknown[] = [];
  /** Messages to other tabs. */
  const told: unknown[] = [];
  const metas = { user: { content: "ada" }, "csrf-token": { content: "old" } };
  const field = { value: "old" };
  let elapse = () => {};
  let receive: (event: { data: unknown }) => void = () => {};
  let submit: (event: { preventDefault(): void }) => Promise<void> = async () => {};
  const form = {
    action: "/logout",
    addEventListener: (_name: string, listener: typeof submit) => {
      submit = listener;
    },
    submit: () => void seen.push("submitted as a form"),
  };
  Object.assign(globalThis, {
    fetch,
    document: {
      documentElement: {},
      querySelector: (selector: string) =>
        metas[(/name="(.*)"/.exec(selector)?.[1] ?? "") as keyof typeof metas],
      querySelectorAll: (selector: string) => (selector.startsWith("#") ? [form] : [field]),
    },
    window: { addEventListener() {} },
    setTimeout: (callback: () => void) => {
      elapse = callback;
    },
    location: {
      reload: () => void seen.push("reloaded"),
      replace: (path: string) => void seen.push(path),
    },
    BroadcastChannel: class {
      postMessage = (message: unknown) => void told.push(message);
      addEventListener(_name: string, listener: typeof receive) {
        receive = listener;
      }
    },
  });
  const { watchSession } = await import(SCRIPT);
  const session: PageSession = watchSession({
    onSignOut: () => void seen.push("forgot"),
    onSignIn: () => void seen.push("signed in again"),
    onMessage: (message: unknown) => void seen.push(message),
  });
  return {
    seen,
    told,
    session,
    tokens: () => [session.csrfToken(), field.value],
    receive: (data: unknown) => receive({ data }),
    /** Lets the page's timer run out. */
    elapse: () => elapse(),
    submit: () => submit({ preventDefault() {} }),
  };
}

function sessionNow(user_id: string, csrf_token: string) {
  return async () => Response.json({ user_id, csrf_token });
}

const unreachable = () => Promise.reject(new TypeError("fetch failed"));

test("a stale token is renewed in the page and in its forms if the same user signed in again", async () => {
  const page = await openPage(sessionNow("ada", "new"));
  expect(await page.session.renewCsrfToken()).toBe(true);
  expect(page.tokens()).toEqual(["new", "new"]);
});

test.each([
  ["is over", async () => new Response(null, { status: 401 })],
  ["is another user's", sessionNow("grace", "new")],
  ["has the same token", sessionNow("ada", "old")],
])("the token is unchanged if the session %s", async (_what, fetch) => {
  const page = await openPage(fetch);
  expect(await page.session.renewCsrfToken()).toBe(false);
  expect(page.tokens()).toEqual(["old", "old"]);
});

test.each([
  ["can't be reached", unreachable],
  ["answers 5xx", async () => new Response(null, { status: 503 })],
])("renewing the token rejects with a retryable error if the service %s", async (_what, fetch) => {
  const page = await openPage(fetch);
  await expect(page.session.renewCsrfToken()).rejects.toThrow(TypeError);
  expect(page.tokens()).toEqual(["old", "old"]);
});

test("renewing a token has a time limit", async () => {
  let signal: unknown;
  const page = await openPage(async (_path, init) => {
    ({ signal } = init);
    return new Response(null, { status: 401 });
  });
  await page.session.renewCsrfToken();
  expect(signal).toBeInstanceOf(AbortSignal);
});

test("a new page sends its user and token to the other tabs", async () => {
  const { told } = await openPage(unreachable);
  expect(told).toEqual([{ type: "opened", user: "ada", csrfToken: "old" }]);
});

test.each<[string, object, unknown[], string]>([
  [
    "that the same user signed in again renews the token",
    { type: "opened", user: "ada", csrfToken: "new" },
    ["signed in again"],
    "new",
  ],
  [
    "that somebody else signed in reloads the page",
    { type: "opened", user: "grace", csrfToken: "new" },
    ["reloaded"],
    "old",
  ],
  [
    "that somebody is signing out forgets the user's data",
    { type: "signing-out" },
    ["forgot"],
    "old",
  ],
  ["that somebody signed out leaves the page", { type: "signed-out" }, ["/"], "old"],
  [
    "of the application reaches the same user's page",
    { type: "application", user: "ada", message: "saved" },
    ["saved"],
    "old",
  ],
  [
    "of another user's application reloads the page",
    { type: "application", user: "grace", message: "saved" },
    ["reloaded"],
    "old",
  ],
])("a message from another tab %s", async (_what, message, seen, token) => {
  const page = await openPage(unreachable);
  page.receive(message);
  expect([page.seen, page.tokens()]).toEqual([seen, [token, token]]);
});

test("a page reloads if no message says that the other tab's sign-out succeeded", async () => {
  const page = await openPage(unreachable);
  page.receive({ type: "signing-out" });
  page.elapse();
  expect(page.seen).toEqual(["forgot", "reloaded"]);
});

test("signing out removes the user's data, sends the token, notifies the other tabs and leaves", async () => {
  const requests: unknown[] = [];
  const page = await openPage(async (path, { method, headers }) => {
    requests.push([method, path, headers]);
    return { type: "opaqueredirect" };
  });
  await page.submit();
  expect(requests).toEqual([["POST", "/logout", { "X-CSRF-Token": "old" }]]);
  expect(page.seen).toEqual(["forgot", "/signed-out"]);
  expect(page.told.slice(1)).toEqual([{ type: "signing-out" }, { type: "signed-out" }]);
});

test.each([
  ["is refused", async () => new Response(null, { status: 503 })],
  ["gets no answer", unreachable],
])("a sign-out that %s is submitted again as a form", async (_what, fetch) => {
  const page = await openPage(fetch);
  await page.submit();
  expect(page.seen).toEqual(["forgot", "submitted as a form"]);
  expect(page.told.slice(1)).toEqual([{ type: "signing-out" }]);
});
