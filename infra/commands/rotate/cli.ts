import { randomBytes } from "node:crypto";
import { terminal } from "../ask.ts";
import { runProgram } from "../runProgram.ts";
import { runRotateCommand } from "./command.ts";

process.exitCode = await runRotateCommand(process.argv.slice(2), {
  env: process.env,
  ...terminal,
  run: runProgram,
  random: randomBytes,
});
