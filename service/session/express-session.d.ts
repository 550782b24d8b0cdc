/** The parts of express-session and its file store that we use. */
declare module "express-session" {
  interface SessionOptions {
    readonly name: string;
    readonly secret: string;
    readonly resave: boolean;
    readonly saveUninitialized: boolean;
    readonly cookie: {
      readonly httpOnly: boolean;
      readonly sameSite: "lax";
      readonly secure: boolean;
      readonly path: string;
      readonly maxAge: number;
    };
    readonly store: object;
  }
  function expressSession(
    options: SessionOptions,
  ): (req: object, res: object, next: (error?: unknown) => void) => void;
  export default expressSession;
}

declare module "session-file-store" {
  interface FileStoreOptions {
    readonly path: string;
    readonly ttl: number;
    readonly retries: number;
    readonly logFn: () => void;
  }
  export default function sessionFileStore(
    expressSession: unknown,
  ): new (
    options: FileStoreOptions,
  ) => object;
}
