import { buildArchive } from "./archive.ts";
import { awaitConsistency } from "./eventualConsistency.ts";
import { declareStack } from "./program.ts";

awaitConsistency();

/** What `pulumi up` runs; each export is a stack output. */
export const { url, signInRedirectUri, secretKey, keyPolicy, release, service, revision } =
  await declareStack(buildArchive);
