import type { Order } from "./order.ts";

/** What a tab tells the others of this browser. */
export type TabMessage =
  /** A reel maker was opened: whoever it shows is signed in now. */
  | { readonly type: "opened"; readonly user: string }
  /** The service confirmed this reel. */
  | { readonly type: "saved"; readonly user: string; readonly clips: Order }
  | { readonly type: "signed-out" };

export interface Tabs {
  tell(message: TabMessage): void;
}

/** Connects the tabs in which the reel maker is open. */
export function connectTabs(onMessage: (message: TabMessage) => void): Tabs {
  const channel = new BroadcastChannel("phoenix");
  channel.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => onMessage(data));
  return { tell: (message) => channel.postMessage(message) };
}
