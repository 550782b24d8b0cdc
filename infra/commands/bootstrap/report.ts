import type { Found } from "./found.ts";
import type { Goal } from "./goal.ts";
import { type Item, LATER_NUMBER } from "./item.ts";
import { toShell } from "./toShell.ts";

/** What became of an item. */
export type Outcome = "found" | "made" | "changed" | "failed" | "left";

/** What there is and what is going to be done. */
export function describePlan(goal: Goal, found: Found, items: readonly Item[]): string {
  const { environment: stack, project, region } = goal;
  return [
    `Stack ${stack} in project ${project}, ${region}, as ${found.operator}`,
    "",
    ...items.map(({ outcome, what }) => `  ${outcome.padEnd(6)}  ${what}`),
    "",
    todo(items).length === 0
      ? "There is nothing to do."
      : `${todo(items).length} of ${items.length} are to be made or changed.`,
  ].join("\n");
}

/** The items that are not as they should be. */
export function todo(items: readonly Item[]): readonly Item[] {
  return items.filter(({ outcome }) => outcome !== "found");
}

/** The commands of all items, to be run by hand in a POSIX shell. */
export function describeCommands({ project }: Goal, items: readonly Item[]): string {
  const lines: string[] = [];
  let numberKnown = false;
  for (const { what, commands } of todo(items)) {
    const shell = commands.map(toShell);
    lines.push("", `# ${what}`);
    if (!numberKnown && shell.some((line) => line.includes(LATER_NUMBER))) {
      lines.push(
        `${LATER_NUMBER.slice(1)}="$(gcloud projects describe ${project} --format 'value(projectNumber)')"`,
      );
      numberKnown = true;
    }
    lines.push(...shell);
  }
  return lines.join("\n").trimStart();
}

/** The last one shows what a deployment would make. */
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

/** What to type next, for people. */
export function describeNext(goal: Goal, found: Found): string {
  return ["", "Next:", ...nextCommands(goal, found).map((line) => `  ${line}`)].join("\n");
}

/** For programs. */
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
