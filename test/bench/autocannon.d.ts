/** The part of autocannon that is used here: https://github.com/mcollina/autocannon */
declare module "autocannon" {
  import type { EventEmitter } from "node:events";

  export interface Client {
    setHeaders(headers: Record<string, string>): void;
    setRequests(requests: readonly { readonly headers: Record<string, string> }[]): void;
  }
  export interface Options {
    readonly url: string;
    readonly connections: number;
    readonly duration: number;
    readonly setupClient: (client: Client) => void;
  }
  export interface Result {
    /** Seconds. */
    readonly duration: number;
    readonly requests: { readonly total: number };
    readonly errors: number;
    readonly timeouts: number;
    readonly non2xx: number;
  }
  export default function autocannon(
    options: Options,
    done: (error: unknown, result: Result) => void,
  ): EventEmitter;
}
