import type { Found } from "./found.ts";
import type { Goal } from "./goal.ts";
import { type Item, PROJECT_NUMBER } from "./item.ts";
import { toShell } from "./toShell.ts";

/** Result of an item. `skipped`: an earlier one failed. */
export type Outcome = "found" | "created" | "changed" | "failed" | "skipped";

/** The plan, one line for each item. */
export function describePlan(goal: Goal, found: Found, items: readonly Item[]): string {
  const { environment: stack, project, region } = goal;
  return [
    `Stack ${stack} in project ${project}, ${region}, as ${found.operator}`,
    "",
    ...items.map(({ outcome, what }) => `  ${outcome.padEnd(6)}  ${what}`),
    "",
    pending(items).length === 0
      ? "There is nothing to do."
      : `${pending(items).length} of ${items.length} are to be created or changed.`,
  ].join("\n");
}

/** The items that have commands to run. */
export function pending(items: readonly Item[]): readonly Item[] {
  return items.filter(({ outcome }) => outcome !== "found");
}

/** The commands of all items as a POSIX shell script. */
export function describeCommands({ project }: Goal, items: readonly Item[]): string {
  const lines: string[] = [];
  let numberKnown = false;
  for (const { what, commands } of pending(items)) {
    const shell = commands.map(toShell);
    lines.push("", `# ${what}`);
    if (!numberKnown && shell.some((line) => line.includes(PROJECT_NUMBER))) {
      lines.push(
        `${PROJECT_NUMBER.slice(1)}="$(gcloud projects describe ${project} --format 'value(projectNumber)')"`,
      );
      numberKnown = true;
    }
    lines.push(...shell);
  }
  return lines.join("\n").trimStart();
}

/** Commands to run after bootstrap. */
function nextCommands({ product, environment: stack, github }: Goal, found: Found): string[] {
  const allowedUsers =
    stack === "prod" && !found.machine.file.allowedUsers
      ? [`npx pulumi config set --stack ${stack} ${product}:allowedUsers @acme.example`]
      : [];
  const delivery =
    github === undefined
      ? []
      : [
          `git add Pulumi.${stack}.yaml && git commit -m "Set up ${stack}"`,
          `gh variable set DELIVERY --repo ${github} --body on  # once dev and prod are set up`,
        ];
  return [
    ...allowedUsers,
    ...delivery,
    `npx pulumi preview --stack ${stack} --policy-pack infra/policy`,
  ];
}

/** The next commands, as text. */
export function describeNext(goal: Goal, found: Found): string {
  return ["", "Next:", ...nextCommands(goal, found).map((line) => `  ${line}`)].join("\n");
}

/** The plan and its results, as JSON. */
export function toJson(
  goal: Goal,
  found: Found,
  items: readonly Item[],
  outcomes: readonly Outcome[],
): string {
  const { environment: stack, project, region } = goal;
  return JSON.stringify(
    {
      stack,
      project,
      region,
      operator: found.operator,
      items: items.map(({ what, outcome, commands }, index) => ({
        what,
        outcome: outcomes[index] ?? outcome,
        commands: commands.map(toShell),
      })),
      next: nextCommands(goal, found),
    },
    null,
    2,
  );
}
