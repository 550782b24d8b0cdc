import { readFileSync } from "node:fs";

/** Figures of a process and its children; undefined without /proc. */
export interface ProcessFigures {
  /** Peak resident memory in bytes, summed over the processes. */
  readonly peakMemory: number;
  readonly memory: number;
  /** CPU time in seconds. */
  readonly cpu: number;
}

/** Linux counts CPU time in hundredths of a second on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

export function figuresOf(pid: number): ProcessFigures | undefined {
  try {
    return [pid, ...descendants(pid)].map(read).reduce((sum, one) => ({
      peakMemory: sum.peakMemory + one.peakMemory,
      memory: sum.memory + one.memory,
      cpu: sum.cpu + one.cpu,
    }));
  } catch {
    return undefined;
  }
}

function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  const pids = children.split(" ").filter(Boolean).map(Number);
  return pids.flatMap((child) => [child, ...descendants(child)]);
}

function read(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  // The program's name is in parentheses and may contain anything.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return {
    peakMemory: kibibytes(status, "VmHWM"),
    memory: kibibytes(status, "VmRSS"),
    cpu: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND,
  };
}

function kibibytes(status: string, field: string): number {
  return 1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1]);
}
