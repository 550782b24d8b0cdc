import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { answer, type Cloud } from "./cloud.ts";

const PROGRAMS = ["gcloud", "gh", "npx"];

/** Sends its arguments to the test, and prints and exits as the response says. */
const SCRIPT = `#!/bin/bash
exec 3<> "/dev/tcp/127.0.0.1/$CLOUD_PORT"
printf '%s\\0' "$#" "\${0##*/}" "$PULUMI_BACKEND_URL" "$@" >&3
IFS= read -r status <&3
IFS= read -r errors <&3
[ -z "$errors" ] || printf '%s\\n' "$errors" >&2
cat <&3
exit "$status"
`;

/** A machine with fake gcloud, gh and npx on its PATH. */
export interface Machine extends AsyncDisposable {
  /** The working directory, which is also HOME. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Removes a program. */
  remove(program: string): void;
}

/** @param fails Part of the commands that fail. */
export async function startMachine(cloud: Cloud, fails?: string): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), "phoenix-bootstrap-"));
  const stackFile = join(folder, "Pulumi.dev.yaml");
  const gcloudConfig = join(folder, "gcloud");
  const credentials = join(gcloudConfig, "application_default_credentials.json");
  const bin = join(folder, "bin");
  for (const created of [bin, gcloudConfig]) mkdirSync(created);
  for (const program of PROGRAMS) {
    writeFileSync(join(bin, program), SCRIPT);
    chmodSync(join(bin, program), 0o755);
  }
  const save = () => {
    writeFileSync(stackFile, cloud.file);
    writeFileSync(credentials, JSON.stringify(cloud.credentials));
  };
  save();
  writeFileSync(join(folder, "Pulumi.yaml"), "name: phoenix\n");

  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk;
      const [count, program = "", PULUMI_BACKEND_URL = "", ...args] = text.split("\0").slice(0, -1);
      if (count === undefined || args.length < Number(count)) return;
      cloud.file = readFileSync(stackFile, "utf8");
      const ended =
        fails !== undefined && [program, ...args].join(" ").includes(fails)
          ? { status: 1, stdout: "", stderr: "ERROR: quota exceeded" }
          : answer(cloud, program, args, { PULUMI_BACKEND_URL });
      save();
      socket.end(`${ended.status}\n${ended.stderr.trim()}\n${ended.stdout}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    folder,
    env: {
      PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin`,
      HOME: folder,
      CLOUDSDK_CONFIG: gcloudConfig,
      CLOUD_PORT: String(port),
    },
    remove: (program) => rmSync(join(bin, program)),
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}
