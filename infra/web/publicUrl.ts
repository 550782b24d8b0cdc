import { getProject } from "@pulumi/gcp/organizations/getProject.js";

export interface PublicUrlArgs {
  readonly project: string;
  readonly region: string;
  /** Name of the Cloud Run service. */
  readonly service: string;
}

/**
 * The deterministic URL of a Cloud Run service, made of its name and the project's number. It is
 * also an output of the service, but the service's environment needs it as an input:
 * https://cloud.google.com/run/docs/triggering/https-request#deterministic
 *
 * Needs resourcemanager.projects.get, which roles/browser has.
 */
export async function publicUrlOf({ project, region, service }: PublicUrlArgs): Promise<string> {
  const { number } = await getProject({ projectId: project });
  return `https://${service}-${number}.${region}.run.app`;
}
