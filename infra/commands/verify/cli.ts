import { randomBytes } from "node:crypto";
import { styleText } from "node:util";
import { terminal } from "../ask.ts";
import { applicationChecks } from "./application.ts";
import { runVerifyCommand } from "./command.ts";
import { fetchAt } from "./resolve.ts";
import { createProgress, readHidden } from "./terminal.ts";

async function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  try {
    return await readHidden(process.stdin);
  } finally {
    process.stderr.write("\n");
  }
}

process.exitCode = await runVerifyCommand(process.argv.slice(2), {
  ...terminal,
  env: process.env,
  progress: createProgress(process.stderr),
  paint: (style, text) => styleText(style, text, { stream: process.stdout }),
  askHidden: process.stdin.isTTY && process.stderr.isTTY ? askHidden : undefined,
  fetch,
  fetchAt,
  clock: Date.now,
  random: randomBytes,
  applicationChecks,
});
