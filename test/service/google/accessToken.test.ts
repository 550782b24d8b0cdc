import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { serve } from "../../support/httpServer.ts";

const SOURCE = join(import.meta.dirname, "../../../service/google/accessToken.ts");

/** Asks for a token where there is none. */
const PROGRAM = `
import { googleAccessTokens } from ${JSON.stringify(SOURCE)};
await googleAccessTokens()().catch(() => console.log("refused"));
`;

test("a token that can't be had is an error and nothing else: the library writes no warning beside the log", async () => {
  // What answers is no metadata server, of which the library would warn.
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
