import { type Command, PROJECT_NUMBER } from "./item.ts";

/** A command as a line for a POSIX shell. */
export function toShell({ program, args }: Command): string {
  return [program, ...args.map(quote)].join(" ");
}

function quote(arg: string): string {
  if (/^[\w:/@.,=+-]+$/.test(arg)) return arg;
  const expands = /["$`\\!]/.test(arg.replaceAll(PROJECT_NUMBER, ""));
  const readable = arg.includes("'") || arg.includes(PROJECT_NUMBER);
  return readable && !expands ? `"${arg}"` : `'${arg.replaceAll("'", `'\\''`)}'`;
}
