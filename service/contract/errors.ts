/** What is wrong with one setting, and how to fix it. */
export interface Problem {
  /** Name of the variable, option or configuration value. */
  readonly setting: string;
  /** What is wrong, as a clause without a full stop. */
  readonly cause: string;
  /** What to do about it, as an imperative sentence without a full stop. */
  readonly remedy: string;
}

/** Codes of operator errors, by subject. They are stable, so programs may rely on them. */
export type ErrorCode =
  /** Settings, variables and options. */
  | "CONFIG_INVALID"
  | "USAGE"
  /** Building the bundle. */
  | "BUNDLE_FAILED"
  /**
   * Sessions. The first three are outages of Google's APIs; the others are mistakes in the
   * application's code or in the proxy before it.
   */
  | "KEYS_UNAVAILABLE"
  | "ENDED_UNAVAILABLE"
  | "SIGN_OUT_FAILED"
  | "SESSION_TOO_LARGE"
  | "SESSION_NOT_SERIALIZABLE"
  | "SESSION_NOT_STARTED"
  | "SESSION_CHANGED_LATE"
  | "COOKIE_NEEDS_HTTPS"
  /** Google's APIs: see service/google/googleApiError.ts. */
  | `${"SECRET_MANAGER" | "CLOUD_STORAGE"}_${string}`
  /** An ended session's mark could not be written, so other instances still accept the session. */
  | "MARK_NOT_WRITTEN"
  /** `npm run rotate`, and stacks that commands read. */
  | "ROTATION_INCOMPLETE"
  | "NO_ENABLED_VERSION"
  | "STACK_UNREADABLE"
  | "STACK_WITHOUT_KEY"
  | "STACK_WITHOUT_ENDED"
  /** `npm run bootstrap`. */
  | "PROGRAM_MISSING"
  | "PERMISSION_MISSING"
  | "BOOTSTRAP_REFUSED"
  | "COMMAND_FAILED"
  /** `npm run verify`: connections, and files of `--save`. */
  | "HOST_UNKNOWN"
  | "CONNECTION_REFUSED"
  | "CONNECTION_LOST"
  | "NO_ANSWER"
  | "NOT_HTTP"
  | "NOT_PUBLIC"
  | "NOT_THIS_SERVICE"
  | "NO_INSTANCE"
  | "TLS"
  | "NOT_SAVED";

/**
 * An error that an operator can fix, with cause and remedy in its message. It is shown without a
 * stack. Any other error is a bug, and is shown with its stack.
 *
 * @example
 * throw new OperatorError("USAGE", "--stack is missing. Run: npm run rotate -- --stack dev");
 */
export class OperatorError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** All invalid settings at once, each with its remedy. */
export class ConfigError extends OperatorError {
  readonly problems: readonly Problem[];

  /** @param heading A line above the problems. */
  constructor(problems: readonly Problem[], heading?: string) {
    const lines = problems.map(describeProblem);
    super("CONFIG_INVALID", (heading === undefined ? lines : [heading, ...lines]).join("\n"));
    this.problems = problems;
  }
}

/** The message of an error, or of any other value that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `SETTING cause. Remedy.` */
export function describeProblem({ setting, cause, remedy }: Problem): string {
  return `${setting} ${cause}. ${remedy}.`;
}
