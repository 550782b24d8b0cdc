import type { Found } from "./found.ts";
import { type Goal, jobs, KEY, KEY_RING, keyArgs, needsApproval, secretsProvider } from "./goal.ts";

/** https://docs.github.com/en/rest/deployments/environments */
const MOST_REVIEWERS = 6;

/**
 * Everything that prevents the setup, each with its remedy. The command changes nothing if there is
 * any.
 */
export function findProblems(goal: Goal, found: Found): string[] {
  const { project, environment: stack, region } = goal;
  const { machine, github } = found;
  const problems: string[] = [];
  const file = `Pulumi.${stack}.yaml`;
  if (found.project !== undefined && found.project.state !== "ACTIVE") {
    problems.push(
      `Project ${project} is ${found.project.state}. Run gcloud projects undelete ${project}, or choose another.`,
    );
  }
  if (found.billingAccount === undefined && goal.billingAccount === undefined) {
    problems.push(
      `Project ${project} has no billing account. Add --billing-account ID, with an ID that gcloud billing accounts list shows.`,
    );
  }
  if (found.key !== undefined && found.key !== "ENABLED") {
    problems.push(
      `The primary version of key ${KEY_RING}/${KEY} in ${region} is ${found.key}, so the stack's secrets can't be read. Run gcloud kms keys versions list --key ${keyArgs(goal).join(" ")}, then enable or restore it.`,
    );
  }
  if (machine.file.project !== undefined && machine.file.project !== project) {
    problems.push(
      `${file} is for project ${machine.file.project}. Use --project ${machine.file.project}. If nothing is deployed there, remove gcp:project, secretsprovider and encryptedkey from the file.`,
    );
  }
  if (machine.stack && machine.file.region !== undefined && machine.file.region !== region) {
    problems.push(
      `${file} is for region ${machine.file.region}. Leave --region out: the stack's region and key can't be moved.`,
    );
  }
  const provider = machine.file.secretsProvider;
  if (provider === undefined && machine.stack) {
    problems.push(
      `Stack ${stack} exists, and ${file} has no secretsprovider. Restore the file that was written when the stack was created.`,
    );
  } else if (provider !== undefined && provider !== secretsProvider(goal)) {
    problems.push(
      `${file} has another secretsprovider. ${
        machine.stack
          ? `Run npx pulumi stack change-secrets-provider --stack ${stack} ${secretsProvider(goal)}.`
          : "Remove secretsprovider and encryptedkey from the file."
      }`,
    );
  }
  if (github !== undefined && !github.admin) {
    problems.push(
      `gh's user is not an admin of ${goal.github}. Ask for the role Admin in the repository, or run gh auth login as somebody who has it.`,
    );
  }
  if (github !== undefined && needsApproval(goal)) {
    const present = github.environments.get(jobs(goal).deploy.environment)?.reviewers ?? [];
    if (present.length === 0 && github.approvers.length === 0) {
      problems.push(
        `Nobody could approve a deployment to ${stack}. Add --approvers LOGIN,ORG/TEAM. Whoever starts a deployment can't approve it, so name at least two people.`,
      );
    }
    const all = new Set([...present, ...github.approvers].map(({ type, id }) => `${type} ${id}`));
    if (all.size > MOST_REVIEWERS) {
      problems.push(
        `GitHub's environment ${stack} would have ${all.size} approvers, and GitHub allows ${MOST_REVIEWERS}. Name a team: --approvers ORG/TEAM.`,
      );
    }
  }
  return problems;
}
