import { byId } from "./element.ts";

export interface LeavingDeps {
  readonly csrfToken: string;
  /** Nothing of this user may stay behind in this browser, and nothing more be saved. */
  readonly forget: () => void;
  /** Tells the other tabs. */
  readonly onSignedOut: () => void;
}

/** Milliseconds that signing out waits for saves on their way, in any tab. */
const PATIENCE = 3000;

/**
 * Makes sure that saving and signing out never overlap in any tab of this browser: the answer to a
 * save carries a session, which would bring back the one that just ended.
 */
export async function exclusively<Result>(
  task: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  // Only where the page came over https or from this machine.
  if (navigator.locks === undefined) return task();
  return navigator.locks.request("phoenix-session", signal ? { signal } : {}, task);
}

/** Signs out when the visitor asks for it; without an answer, the form is sent as any other. */
export function guardSignOut({ csrfToken, forget, onSignedOut }: LeavingDeps): void {
  const form = byId("sign-out", "form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    forget();
    const request = () =>
      fetch(form.action, {
        method: "POST",
        headers: { "X-CSRF-Token": csrfToken },
        redirect: "manual",
      });
    try {
      const { type } = await exclusively(request, AbortSignal.timeout(PATIENCE));
      if (type !== "opaqueredirect") throw new Error("not signed out");
    } catch {
      form.submit();
      return;
    }
    forget();
    onSignedOut();
    leave();
  });
}

/** What the back button brings up again is not shown until it was asked for anew. */
export function guardBackButton(): void {
  window.addEventListener("pagehide", ({ persisted }) => {
    if (persisted) document.documentElement.hidden = true;
  });
  window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

/** Goes where nobody is signed in, without a way back. */
export function leave(): void {
  document.documentElement.hidden = true;
  location.replace("/");
}
