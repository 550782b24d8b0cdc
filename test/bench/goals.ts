import { formatNumber } from "./table.ts";

/** A limit for a figure. */
export interface Goal {
  readonly title: string;
  /** NaN if it could not be measured. */
  readonly figure: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Such as `times` or `bytes`. */
  readonly unit: string;
  /** Digits after the point. */
  readonly digits?: number;
}

export type Verdict = "met" | "missed" | "not measured";

export function judge({ figure, atLeast = -Infinity, atMost = Infinity }: Goal): Verdict {
  if (Number.isNaN(figure)) return "not measured";
  return figure >= atLeast && figure <= atMost ? "met" : "missed";
}

/** Whether no goal was missed; goals that could not be measured don't count. */
export function allMet(goals: readonly Goal[]): boolean {
  return goals.every((goal) => judge(goal) !== "missed");
}

/** A line for each goal: verdict, title, figure and limit. */
export function describeGoals(goals: readonly Goal[]): string {
  return goals.map((goal) => `${describe(goal)}\n`).join("");
}

/** Goals as `--json` writes them. */
export function goalsToJson(goals: readonly Goal[]): object[] {
  return goals.map((goal) => ({
    ...goal,
    figure: Number.isNaN(goal.figure) ? null : goal.figure,
    verdict: judge(goal),
  }));
}

function describe(goal: Goal): string {
  const { title, figure, atLeast, atMost, unit, digits = 0 } = goal;
  const limit =
    atLeast === undefined
      ? `at most ${formatNumber(atMost, digits)}`
      : `at least ${formatNumber(atLeast, digits)}`;
  const verdict = judge(goal);
  const mark = { met: "met   ", missed: "MISSED", "not measured": "  -   " }[verdict];
  const seen =
    verdict === "not measured" ? "not measured here" : `${formatNumber(figure, digits)} ${unit}`;
  return `  ${mark}  ${title}: ${seen} (${limit})`;
}
