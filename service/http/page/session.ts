/** What the tabs of this browser tell each other. */
type TabMessage =
  /** A page was opened: whoever it shows is signed in now, and this is their session's token. */
  | { readonly type: "opened"; readonly user: string; readonly csrfToken: string }
  /** Somebody is signing out: nothing more is to be saved. */
  | { readonly type: "signing-out" }
  | { readonly type: "signed-out" }
  | { readonly type: "application"; readonly user: string; readonly message: unknown };

/** The session that a page was made for. */
export interface PageSession<Message> {
  /** The provider's name for the user. */
  readonly user: string;
  /** The token for requests that change something; another one once the user signed in again. */
  csrfToken(): string;
  /**
   * Fetches the token anew after a request was refused with `csrf_token_invalid`. False if the
   * session is over, somebody else's, or has no other token: then there is no use in trying again.
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

export interface SessionEvents<Message> {
  /** The session ends here: nothing of this user may stay in this browser. */
  readonly onSignOut?: () => void;
  /** The same user signed in again in another tab. */
  readonly onSignIn?: () => void;
  /** Another tab of this user's sent a message. */
  readonly onMessage?: (message: Message) => void;
}

/** Milliseconds after which signing out is tried once more, as a form that the browser sends. */
const SIGN_OUT_TIMEOUT = 3000;

/**
 * Keeps a page in step with the session in this browser: signing out in one tab signs out in all,
 * a sign-in as somebody else reloads the page, one as the same user renews its CSRF token, and the
 * back button shows nothing that was not asked for anew.
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
    if (data.type === "signing-out") events.onSignOut?.();
    else if (data.type === "signed-out") leave("/");
    else if (data.user !== user) location.reload();
    else if (data.type === "application") events.onMessage?.(data.message as Message);
    else {
      renewToken(data.csrfToken);
      events.onSignIn?.();
    }
  });
  tell({ type: "opened", user, csrfToken: csrfToken() });
  guardBackButton();
  guardSignOut(
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
      const response = await fetch("/api/session", { headers: { Accept: "application/json" } });
      const now = response.ok ? ((await response.json()) as SessionNow) : undefined;
      if (now?.user_id !== user || now.csrf_token === csrfToken()) return false;
      renewToken(now.csrf_token);
      return true;
    },
    tell: (message) => tell({ type: "application", user, message }),
  };
}

/** Signs out when the visitor asks for it; without an answer, the form is sent as any other. */
function guardSignOut(csrfToken: () => string, forget: () => void, onSignedOut: () => void): void {
  const forms = document.querySelectorAll<HTMLFormElement>("#sign-out, #sign-out-everywhere");
  for (const form of forms) guardForm(form, csrfToken, forget, onSignedOut);
}

function guardForm(
  form: HTMLFormElement,
  csrfToken: () => string,
  forget: () => void,
  onSignedOut: () => void,
): void {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    forget();
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
    onSignedOut();
    leave("/signed-out");
  });
}

/** A page from the back/forward cache stays hidden until it has been reloaded. */
function guardBackButton(): void {
  window.addEventListener("pagehide", ({ persisted }) => {
    if (persisted) document.documentElement.hidden = true;
  });
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

/** Goes to a page for who is signed out, without a way back. */
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
  const found = document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`);
  if (found === null) throw new Error(`The page has no <meta name="${name}">`);
  return found;
}
