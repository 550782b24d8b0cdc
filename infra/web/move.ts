import { getService } from "@pulumi/gcp/cloudrunv2/getService.js";

interface Move {
  readonly project: string;
  readonly region: string;
  /** Name of the Cloud Run service. */
  readonly service: string;
  /** Its address from now on. */
  readonly publicUrl: string;
}

/**
 * What a deployment that moves the service to another address means for its users; undefined if it
 * stays where it is, or is not deployed yet.
 */
export async function noteOfMove(move: Move): Promise<string | undefined> {
  const { publicUrl } = move;
  const before = await deployedUrl(move);
  if (before === undefined || before === publicUrl) return undefined;
  const note =
    `This moves the service from ${before} to ${publicUrl}. Everyone has to sign in again, because ` +
    `cookies belong to one host, and ${before} closes. Register ${publicUrl}/login/callback with ` +
    "the sign-in provider first. ";
  if (publicUrl.endsWith(".run.app")) {
    // The next owner of the address could get a certificate, and then browsers' cookies.
    return `${note}Before that, remove the DNS records of ${before}: Google may give its address to others.`;
  }
  return (
    `${note}Nobody can reach ${publicUrl} until its DNS records and certificate exist: see ` +
    "Moving without a gap in infra/README.md."
  );
}

/** PUBLIC_URL of the deployed service; undefined if there is none yet or it can't be read. */
async function deployedUrl({ project, region, service }: Move): Promise<string | undefined> {
  try {
    const { templates } = await getService({ project, location: region, name: service });
    const variables = templates.flatMap(({ containers }) => containers.flatMap(({ envs }) => envs));
    return variables.find(({ name }) => name === "PUBLIC_URL")?.value;
  } catch {
    // Before the first deployment there is neither the service nor its API.
    return undefined;
  }
}
