import { buildArchive } from "./bundle/archive.ts";
import { showMistake } from "./errors/mistake.ts";
import { handleErrors } from "./errors/onError.ts";
import { firstVersionHook } from "./keys/firstVersion.ts";
import { declareStack } from "./program.ts";
import { grantPropagationHook } from "./web/grantPropagation.ts";

handleErrors();

/** The Pulumi program. Each export is a stack output. */
export const {
  url,
  address,
  dnsRecords,
  signInRedirectUri,
  postLogoutRedirectUri,
  secretKey,
  endedSessions,
  oidcIssuer,
  keyPolicy,
  release,
  service,
  revisions,
} = await declareStack(buildArchive, {
  firstVersion: firstVersionHook,
  grantPropagation: grantPropagationHook,
}).catch(showMistake);
