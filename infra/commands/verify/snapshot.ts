import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { OperatorError } from "../../../service/contract/errors.ts";
import { asObject, parseObject } from "../../../service/pure/json.ts";
import { UsageError } from "../commandLine.ts";
import { lifetimeSeen } from "./checks/cookies.ts";
import { instancesOf, isSkipped, type Observations, type Snapshot } from "./observations.ts";
import type { HeldCookie } from "./sessionInput.ts";
import { securityHeaders } from "./site/securityHeaders.ts";

/** Says what the file is, and in which shape. */
const FORMAT = "phoenix-verify-1";
/** Only its owner may read it: the session's cookie is in it. */
const MODE = 0o600;
const OTHERS = 0o077;
const MAX_BYTES = 64 * 1024;

/** What a later run needs to know of this one. */
export function takeSnapshot(seen: Observations, cookie: HeldCookie): Snapshot {
  const lifetime = lifetimeSeen(seen);
  return {
    site: seen.site.url.origin,
    savedAt: Math.floor(seen.now),
    cookie,
    lifetime,
    endsAt: lifetime === undefined ? undefined : Math.floor(seen.now + lifetime),
    instances: isSkipped(seen.session) ? [] : instancesOf(seen.session.visits),
    headers: securityHeaders(seen.home.headers),
  };
}

/**
 * Writes a snapshot, for its owner alone to read. A file that was there is replaced, whoever could
 * read that one.
 * @throws OperatorError if it can't be written
 */
export async function writeSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  const part = `${file}.${randomBytes(4).toString("hex")}`;
  try {
    const handle = await open(part, "wx", MODE);
    try {
      await handle.writeFile(`${JSON.stringify({ format: FORMAT, ...snapshot }, null, 2)}\n`);
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw new OperatorError(
      "NOT_SAVED",
      `${file} can't be written (${codeOf(error)}). Name another file with --save.`,
    );
  }
}

/**
 * Reads a snapshot back.
 * @throws UsageError if it can't be read, others can read it too, or it is none
 */
export async function readSnapshot(file: string): Promise<Snapshot> {
  const text = await readPrivate(file);
  const snapshot = parseSnapshot(text);
  if (snapshot !== undefined) return snapshot;
  throw new UsageError(`${file} was not written by --save. Make one before the next deployment.`);
}

async function readPrivate(file: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, "r");
    const { mode, size } = await handle.stat();
    // Windows keeps such rights elsewhere, and shows them to nobody here.
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
      throw new UsageError(
        `Others can read ${file}, and a session's cookie is in it. Run chmod 600 on it; if it was ` +
          "so for long, sign that session out.",
      );
    }
    return size > MAX_BYTES ? "" : await handle.readFile("utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${file} can't be read (${codeOf(error)}). Name another file with --before.`,
    );
  } finally {
    await handle?.close();
  }
}

function parseSnapshot(text: string): Snapshot | undefined {
  const value = parseObject(text);
  if (value?.format !== FORMAT) return undefined;
  const { site, savedAt, cookie, lifetime, endsAt, instances, headers } = value;
  const { name, value: cookieValue } = asObject(cookie) ?? {};
  if (typeof site !== "string" || typeof savedAt !== "number") return undefined;
  if (typeof name !== "string" || !/^[\w-]{1,60}$/.test(name)) return undefined;
  if (typeof cookieValue !== "string" || !/^[\x21-\x7e]{1,4096}$/.test(cookieValue)) {
    return undefined;
  }
  return {
    site,
    savedAt,
    cookie: { name, value: cookieValue },
    lifetime: typeof lifetime === "number" ? lifetime : undefined,
    endsAt: typeof endsAt === "number" ? endsAt : undefined,
    instances: Array.isArray(instances)
      ? instances.filter((instance) => typeof instance === "string")
      : [],
    headers: Object.fromEntries(
      Object.entries(asObject(headers) ?? {}).flatMap(([header, text]) =>
        typeof text === "string" ? [[header, text]] : [],
      ),
    ),
  };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "for a reason that it does not tell";
}
