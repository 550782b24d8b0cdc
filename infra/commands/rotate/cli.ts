import { randomBytes } from "node:crypto";
import { askOnTerminal } from "../ask.ts";
import { runProgram } from "../runProgram.ts";
import { runRotateCommand } from "./command.ts";

process.exitCode = await runRotateCommand(process.argv.slice(2), {
  env: process.env,
  print: (text) => console.log(text),
  tell: (text) => console.error(text),
  ask: askOnTerminal,
  run: runProgram,
  random: randomBytes,
});
