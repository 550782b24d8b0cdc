/** Messages between the tabs of this browser. */
type TabMessage =
  /** A tab opened a page, which shows the current user and CSRF token. */
  | { readonly type: "opened"; readonly user: string; readonly csrfToken: string }
  /** A sign-out has begun; tabs must not save anything more. */
  | { readonly type: "signing-out" }
  | { readonly type: "signed-out" }
  | { readonly type: "application"; readonly user: string; readonly message: unknown };

/** The session that a page was rendered for. */
interface PageSession<Message> {
  /** The provider's ID of the user. */
  readonly user: string;
  /** The current CSRF token. It changes when the user signs in again in another tab. */
  csrfToken(): string;
  /**
   * Fetches a new CSRF token after a request was refused with `csrf_token_invalid`. Returns false
   * if a retry is useless: the session is over or another user's, or the token is unchanged.
   * @throws TypeError if the service can't be reached, as `fetch` does
   */
  renewCsrfToken(): Promise<boolean>;
  /** Sends a message to the user's other tabs. */
  tell(message: Message): void;
}

/** GET /api/session */
interface SessionNow {
  readonly user_id: string;
  readonly csrf_token: string;
}

interface SessionEvents<Message> {
  /** The user is signing out: remove their data from this browser. */
  readonly onSignOut?: () => void;
  /** The same user signed in again in another tab. */
  readonly onSignIn?: () => void;
  /** Another tab of the same user sent a message. */
  readonly onMessage?: (message: Message) => void;
}

/** Milliseconds to wait for a sign-out before the browser submits the form itself. */
const SIGN_OUT_TIMEOUT = 3000;

/**
 * Milliseconds that a tab waits for another tab's sign-out. Then it reloads: the sign-out may have
 * failed, or the browser submitted the form, after which no message comes.
 */
const RELOAD_DELAY = 10_000;

/** Milliseconds after which fetching the token is given up. */
const RENEW_TIMEOUT = 12_000;

/**
 * Keeps a page in sync with the session in the browser's other tabs. When the user signs out, all
 * tabs leave; when somebody else signs in, they reload; when the same user signs in again, they
 * take the new CSRF token. A page from the back/forward cache is reloaded before it is shown.
 *
 * @example
 * const session = watchSession({ onSignOut: () => localStorage.removeItem("draft") });
 * await fetch("/api/note", { method: "PUT", headers: { "X-CSRF-Token": session.csrfToken() } });
 */
export function watchSession<Message>(events: SessionEvents<Message> = {}): PageSession<Message> {
  const user = meta("user").content;
  const csrfToken = () => meta("csrf-token").content;
  const channel = new BroadcastChannel("session");
  const tell = (message: TabMessage) => channel.postMessage(message);

  channel.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => {
    if (data.type === "signing-out") {
      events.onSignOut?.();
      setTimeout(() => location.reload(), RELOAD_DELAY);
    } else if (data.type === "signed-out") leave("/");
    else if (data.user !== user) location.reload();
    else if (data.type === "application") events.onMessage?.(data.message as Message);
    else {
      renewToken(data.csrfToken);
      events.onSignIn?.();
    }
  });
  tell({ type: "opened", user, csrfToken: csrfToken() });
  reloadCachedPages();
  handleSignOut(
    csrfToken,
    () => {
      tell({ type: "signing-out" });
      events.onSignOut?.();
    },
    () => tell({ type: "signed-out" }),
  );
  return {
    user,
    csrfToken,
    async renewCsrfToken() {
      const response = await fetch("/api/session", {
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(RENEW_TIMEOUT),
      }).catch(unreachable);
      if (response.status >= 500) unreachable();
      const now = response.ok ? ((await response.json()) as SessionNow) : undefined;
      if (now?.user_id !== user || now.csrf_token === csrfToken()) return false;
      renewToken(now.csrf_token);
      return true;
    },
    tell: (message) => tell({ type: "application", user, message }),
  };
}

/**
 * Sends the sign-out forms by `fetch`, so that other tabs learn of the sign-out. If that fails, the
 * browser submits the form.
 */
function handleSignOut(csrfToken: () => string, onBegin: () => void, onEnd: () => void): void {
  const forms = document.querySelectorAll<HTMLFormElement>("#sign-out, #sign-out-everywhere");
  for (const form of forms) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      onBegin();
      try {
        const { type } = await fetch(form.action, {
          method: "POST",
          headers: { "X-CSRF-Token": csrfToken() },
          redirect: "manual",
          signal: AbortSignal.timeout(SIGN_OUT_TIMEOUT),
        });
        if (type !== "opaqueredirect") throw new Error("not signed out");
      } catch {
        form.submit();
        return;
      }
      onEnd();
      leave("/signed-out");
    });
  }
}

/** Hides a page that enters the back/forward cache, and reloads it when it comes back. */
function reloadCachedPages(): void {
  window.addEventListener("pagehide", ({ persisted }) => {
    if (persisted) document.documentElement.hidden = true;
  });
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

/** Replaces this page in the browser's history, so that the back button can't show it. */
function leave(path: string): void {
  document.documentElement.hidden = true;
  location.replace(path);
}

function renewToken(csrfToken: string): void {
  meta("csrf-token").content = csrfToken;
  for (const field of document.querySelectorAll<HTMLInputElement>("input[name=_csrf]")) {
    field.value = csrfToken;
  }
}

function meta(name: string): HTMLMetaElement {
  const element = document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`);
  if (element === null) throw new Error(`The page has no <meta name="${name}">`);
  return element;
}

function unreachable(cause?: unknown): never {
  throw new TypeError("Who is signed in can't be read now.", { cause });
}
