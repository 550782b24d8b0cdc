import { getProject } from "@pulumi/gcp/organizations/getProject.js";

interface PublicUrlArgs {
  readonly project: string;
  readonly region: string;
  /** Name of the Cloud Run service. */
  readonly service: string;
  /** Undefined: Cloud Run's own address. */
  readonly domain: string | undefined;
}

/**
 * The web service's one address. Without a domain it is the deterministic URL of a Cloud Run
 * service, made of its name and the project's number. That is also an output of the service, but
 * the service's environment needs it as an input:
 * https://cloud.google.com/run/docs/triggering/https-request#deterministic
 *
 * Without a domain it needs resourcemanager.projects.get, which roles/browser has.
 */
export async function publicUrlOf(args: PublicUrlArgs): Promise<string> {
  const { project, region, service, domain } = args;
  if (domain !== undefined) return `https://${domain}`;
  const { number } = await getProject({ projectId: project });
  return `https://${service}-${number}.${region}.run.app`;
}
