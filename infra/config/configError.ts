import { RunError } from "@pulumi/pulumi";

/** What is wrong with one setting, and what mends it. */
export interface Problem {
  /** Full name of the setting, such as `phoenix:maxInstances`. */
  readonly setting: string;
  /** What is wrong, as a clause without a full stop. */
  readonly cause: string;
  /** What to do about it, as an imperative sentence without a full stop. */
  readonly remedy: string;
}

/** Configuration that makes no sense: all of it at once. Pulumi shows its message without a stack. */
export class ConfigError extends RunError {
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly Problem[];

  constructor(stack: string, problems: readonly Problem[]) {
    super(
      [`The configuration of stack ${stack} can't be deployed:`, ...problems.map(describe)].join(
        "\n",
      ),
    );
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** `SETTING cause. Remedy.` */
function describe({ setting, cause, remedy }: Problem): string {
  return `${setting} ${cause}. ${remedy}.`;
}
