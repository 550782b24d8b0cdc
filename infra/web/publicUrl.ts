import { getProject } from "@pulumi/gcp/organizations/getProject.js";

export interface PublicUrlArgs {
  readonly project: string;
  readonly region: string;
  /** Name of the Cloud Run service. */
  readonly service: string;
}

/**
 * The address that a Cloud Run service has by its name and its project's number. The service's own
 * outputs have it too, and can't be its inputs:
 * https://cloud.google.com/run/docs/triggering/https-request#deterministic
 *
 * Takes resourcemanager.projects.get, which roles/browser has.
 */
export async function publicUrlOf({ project, region, service }: PublicUrlArgs): Promise<string> {
  const { number } = await getProject({ projectId: project });
  return `https://${service}-${number}.${region}.run.app`;
}
