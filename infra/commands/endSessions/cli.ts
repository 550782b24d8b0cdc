import { terminal } from "../ask.ts";
import { runProgram } from "../runProgram.ts";
import { runEndSessionsCommand } from "./command.ts";

process.exitCode = await runEndSessionsCommand(process.argv.slice(2), {
  ...terminal,
  run: runProgram,
  clock: () => Date.now() / 1000,
});
