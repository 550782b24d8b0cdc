import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { serve } from "../../support/httpServer.ts";

const SOURCE = join(import.meta.dirname, "../../../service/google/accessToken.ts");

/** Requests a token without credentials. */
const PROGRAM = `
import { googleAccessTokens } from ${JSON.stringify(SOURCE)};
await googleAccessTokens()().catch(() => console.log("refused"));
`;

test("without credentials the token is an error, and the library prints no warning", async () => {
  // Not a metadata server, about which the library would warn.
  await using server = await serve((_req, res) => void res.writeHead(400).end());
  const env = {
    ...process.env,
    GCE_METADATA_HOST: new URL(server.url).host,
    CLOUDSDK_CONFIG: import.meta.dirname,
    GOOGLE_APPLICATION_CREDENTIALS: "",
  };
  const args = ["--input-type=module", "--eval", PROGRAM];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
  expect(stdout).toBe("refused\n");
  expect(stderr).toBe("");
});
