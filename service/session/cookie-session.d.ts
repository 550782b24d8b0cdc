/** The part of cookie-session that we use: https://github.com/expressjs/cookie-session */
declare module "cookie-session" {
  interface CookieSessionOptions {
    readonly name: string;
    readonly signed: false;
    readonly httpOnly: boolean;
    readonly sameSite: "lax";
    readonly secure: boolean;
    readonly path: string;
  }
  export default function cookieSession(
    options: CookieSessionOptions,
  ): (req: object, res: object, next: () => void) => void;
}
