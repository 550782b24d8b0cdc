import { asObject, parseObject } from "../../../service/pure/json.ts";

/** Milliseconds. */
const TIMEOUT = 10_000;

interface PermissionCheck {
  readonly project: string;
  readonly permissions: readonly string[];
  /** Access token of the account whose permissions are checked. */
  readonly accessToken: string;
  readonly fetch: typeof fetch;
}

/**
 * The permissions that the account lacks in the project; undefined if the API can't be reached, for
 * example behind a proxy that only gcloud is configured for.
 *
 * gcloud has no command for this call:
 * https://cloud.google.com/resource-manager/reference/rest/v1/projects/testIamPermissions
 */
export async function missingPermissions({
  project,
  permissions,
  accessToken,
  fetch,
}: PermissionCheck): Promise<readonly string[] | undefined> {
  if (permissions.length === 0) return [];
  const url = `https://cloudresourcemanager.googleapis.com/v1/projects/${project}:testIamPermissions`;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
      body: JSON.stringify({ permissions }),
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (!response.ok) return undefined;
    const granted = asObject(parseObject(await response.text()))?.permissions;
    return permissions.filter((one) => !Array.isArray(granted) || !granted.includes(one));
  } catch {
    return undefined;
  }
}
