import { existsSync, readFileSync } from "node:fs";
import { terminal } from "../ask.ts";
import { runProgram } from "../runProgram.ts";
import { runBootstrapCommand } from "./command.ts";

process.exitCode = await runBootstrapCommand(process.argv.slice(2), {
  env: process.env,
  ...terminal,
  run: runProgram,
  readFile: (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
  wait: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  fetch,
});
