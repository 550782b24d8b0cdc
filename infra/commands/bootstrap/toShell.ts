import { type Command, LATER_NUMBER } from "./item.ts";

/** The command as it is typed in a POSIX shell. */
export function toShell({ program, args }: Command): string {
  return [program, ...args.map(quote)].join(" ");
}

function quote(arg: string): string {
  if (/^[\w:/@.,=+-]+$/.test(arg)) return arg;
  const expands = /["$`\\!]/.test(arg.replaceAll(LATER_NUMBER, ""));
  const readable = arg.includes("'") || arg.includes(LATER_NUMBER);
  return readable && !expands ? `"${arg}"` : `'${arg.replaceAll("'", `'\\''`)}'`;
}
