import type { Found } from "./found.ts";
import { type Goal, jobs, KEY, KEY_RING, keyArgs, secretsProvider, wantsApproval } from "./goal.ts";

/**
 * Everything that stands in the way, each with what mends it. Nothing is to be changed while there
 * is anything.
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
      `No billing account pays for project ${project}. Add --billing-account ID, with an ID that gcloud billing accounts list shows.`,
    );
  }
  if (found.key !== undefined && found.key !== "ENABLED") {
    problems.push(
      `The primary version of key ${KEY_RING}/${KEY} in ${region} is ${found.key}, so the stack's secrets can't be read. Run gcloud kms keys versions list --key ${keyArgs(goal).join(" ")}, then enable or restore it.`,
    );
  }
  if (machine.file.project !== undefined && machine.file.project !== project) {
    problems.push(
      `${file} is of project ${machine.file.project}. Call with --project ${machine.file.project}. If nothing of it is deployed, take gcp:project, secretsprovider and encryptedkey out of the file.`,
    );
  }
  if (machine.stack && machine.file.region !== undefined && machine.file.region !== region) {
    problems.push(
      `${file} is of region ${machine.file.region}. Leave --region out: the stack's region and key stay where they are.`,
    );
  }
  const provider = machine.file.secretsProvider;
  if (provider === undefined && machine.stack) {
    problems.push(
      `Stack ${stack} exists, and ${file} does not say how it is encrypted. Take the file from where the stack was made.`,
    );
  } else if (provider !== undefined && provider !== secretsProvider(goal)) {
    problems.push(
      `${file} has another secretsprovider. ${
        machine.stack
          ? `Run npx pulumi stack change-secrets-provider --stack ${stack} ${secretsProvider(goal)}.`
          : "Take secretsprovider and encryptedkey out of the file."
      }`,
    );
  }
  if (github !== undefined && !github.admin) {
    problems.push(
      `gh may not change the settings of ${goal.github}. Ask for the role Admin in the repository, or gh auth login as somebody who has it.`,
    );
  }
  if (github !== undefined && wantsApproval(goal)) {
    const present = github.environments.get(jobs(goal).deploy.environment)?.reviewers ?? [];
    if (present.length === 0 && github.approvers.length === 0) {
      problems.push(
        `Nobody could approve a deployment to ${stack}. Add --approvers LOGIN,ORG/TEAM: who starts a deployment can't approve it, so name at least one other person.`,
      );
    }
  }
  return problems;
}
