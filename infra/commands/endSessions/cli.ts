import { askOnTerminal } from "../ask.ts";
import { runProgram } from "../runProgram.ts";
import { runEndSessionsCommand } from "./command.ts";

process.exitCode = await runEndSessionsCommand(process.argv.slice(2), {
  print: (text) => console.log(text),
  tell: (text) => console.error(text),
  ask: askOnTerminal,
  run: runProgram,
  clock: () => Date.now() / 1000,
});
