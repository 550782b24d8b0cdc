/** What is wrong with one setting, and what mends it. */
export interface Problem {
  /** Name of the variable, option or configuration value. */
  readonly setting: string;
  /** What is wrong, as a clause without a full stop. */
  readonly cause: string;
  /** What to do about it, as an imperative sentence without a full stop. */
  readonly remedy: string;
}

/** A mistake of whoever runs this, not a bug: shown as its message, without a stack. */
export class OperatorError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Settings that make no sense: all of them at once, each with its remedy. */
export class ConfigError extends OperatorError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("CONFIG_INVALID", problems.map(describeProblem).join("\n"));
    this.problems = problems;
  }
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `SETTING cause. Remedy.` */
export function describeProblem({ setting, cause, remedy }: Problem): string {
  return `${setting} ${cause}. ${remedy}.`;
}
