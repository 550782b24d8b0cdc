import { createHash } from "node:crypto";
import { crc32c } from "../../../service/pure/crc32c.ts";
import { ApiError } from "./apiError.ts";

type Seconds = number;
type State = "ENABLED" | "DISABLED" | "DESTROYED";

/** A change of a version's state. */
interface Change {
  readonly at: Seconds;
  readonly state: State;
  readonly scheduledDestroyTime?: Seconds;
}

interface StoredVersion {
  readonly number: number;
  readonly createTime: Seconds;
  readonly checksumGiven: boolean;
  /** Base64; empty after destruction. */
  payload: string;
  readonly changes: Change[];
}

interface StoredSecret {
  readonly project: string;
  readonly name: string;
  readonly createTime: Seconds;
  /** As created: replication, labels, rotation, topics, versionDestroyTtl. */
  readonly settings: Record<string, unknown>;
  readonly versions: StoredVersion[];
}

/** The stored state, as JSON. */
export type Snapshot = readonly StoredSecret[];

export interface ListQuery {
  readonly filter: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

interface StoreDeps {
  readonly clock: () => Seconds;
  /** Seconds by which lists and `latest` lag. */
  readonly lag: () => number;
  readonly snapshot?: Snapshot | undefined;
  readonly onChange: (snapshot: Snapshot) => void;
}

/** Secret Manager's behavior, without HTTP. Methods take and return the API's JSON. */
export type Store = ReturnType<typeof createStore>;

const MAX_PAYLOAD = 65_536;
const MAX_PAGE = 25_000;

export function createStore({ clock, lag, snapshot = [], onChange }: StoreDeps) {
  const secrets: StoredSecret[] = structuredClone([...snapshot]);

  function changed(): void {
    onChange(secrets);
  }

  function find(project: string, name: string): StoredSecret {
    const secret = secrets.find(
      (s) => s.name === name && (s.project === project || projectNumber(s.project) === project),
    );
    if (secret !== undefined) return secret;
    throw new ApiError("NOT_FOUND", `Secret [projects/${project}/secrets/${name}] not found.`);
  }

  function findVersion(project: string, name: string, id: string) {
    const secret = find(project, name);
    const latest = () => listed(secret).find(({ change }) => change.state === "ENABLED")?.version;
    const version =
      id === "latest" ? latest() : secret.versions.find(({ number }) => String(number) === id);
    if (version !== undefined) return { secret, version, change: stateAt(version, clock()) };
    throw new ApiError(
      "NOT_FOUND",
      `Secret Version [${secretName(secret)}/versions/${id}] not found.`,
    );
  }

  /** The versions in lists, newest first: their state of some seconds ago, if lists lag. */
  function listed(secret: StoredSecret) {
    const time = clock() - lag();
    return secret.versions
      .filter(({ createTime }) => createTime <= time)
      .map((version) => ({ version, change: stateAt(version, time) }))
      .reverse();
  }

  function describe(secret: StoredSecret, version: StoredVersion, change: Change) {
    const { scheduledDestroyTime: scheduled } = change;
    return {
      name: `${secretName(secret)}/versions/${version.number}`,
      createTime: rfc3339(version.createTime),
      ...(change.state === "DESTROYED" && { destroyTime: rfc3339(change.at) }),
      state: change.state,
      replicationStatus: { automatic: {} },
      etag: etagOf(version, change),
      ...(version.checksumGiven && { clientSpecifiedPayloadChecksum: true }),
      ...(scheduled !== undefined && { scheduledDestroyTime: rfc3339(scheduled) }),
    };
  }

  function change(
    project: string,
    name: string,
    id: string,
    etag: unknown,
    next: (secret: StoredSecret, now: Seconds) => Omit<Change, "at">,
  ) {
    const { secret, version, change: current } = findVersion(project, name, id);
    const resource = `${secretName(secret)}/versions/${version.number}`;
    if (typeof etag === "string" && etag !== "" && etag !== etagOf(version, current)) {
      throw new ApiError("FAILED_PRECONDITION", `The etag of [${resource}] does not match.`);
    }
    const now = clock();
    const wanted = next(secret, now);
    const unchanged =
      current.state === wanted.state &&
      current.scheduledDestroyTime === undefined &&
      wanted.scheduledDestroyTime === undefined;
    if (current.state === "DESTROYED" || unchanged) {
      throw new ApiError("FAILED_PRECONDITION", `[${resource}] is already ${current.state}.`);
    }
    version.changes.push({ at: now, ...wanted });
    if (wanted.state === "DESTROYED") version.payload = "";
    changed();
    return describe(secret, version, stateAt(version, now));
  }

  return {
    createSecret(project: string, name: string, settings: Record<string, unknown> = {}) {
      if (!/^[A-Za-z\d_-]{1,255}$/.test(name)) {
        throw new ApiError("INVALID_ARGUMENT", `[${name}] is not a name of a secret.`);
      }
      if (secrets.some((secret) => secret.project === project && secret.name === name)) {
        throw new ApiError("ALREADY_EXISTS", `Secret [${name}] already exists.`);
      }
      const secret = { project, name, createTime: clock(), settings, versions: [] };
      secrets.push(secret);
      changed();
      return describeSecret(secret);
    },

    getSecret: (project: string, name: string) => describeSecret(find(project, name)),

    add(project: string, name: string, payload: Record<string, unknown> | undefined) {
      const secret = find(project, name);
      const { data, dataCrc32c } = payload ?? {};
      const bytes = typeof data === "string" ? Buffer.from(data, "base64") : undefined;
      if (bytes === undefined || bytes.length > MAX_PAYLOAD) {
        throw new ApiError("INVALID_ARGUMENT", "The payload is missing or too large.");
      }
      if (dataCrc32c !== undefined && String(dataCrc32c) !== String(crc32c(bytes))) {
        throw new ApiError("INVALID_ARGUMENT", "The payload's checksum does not match.");
      }
      const now = clock();
      const version: StoredVersion = {
        number: secret.versions.length + 1,
        createTime: now,
        checksumGiven: dataCrc32c !== undefined,
        payload: bytes.toString("base64"),
        changes: [{ at: now, state: "ENABLED" }],
      };
      secret.versions.push(version);
      changed();
      return describe(secret, version, stateAt(version, now));
    },

    get(project: string, name: string, id: string) {
      const { secret, version, change } = findVersion(project, name, id);
      return describe(secret, version, change);
    },

    list(project: string, name: string, { filter, pageSize, pageToken }: ListQuery) {
      const secret = find(project, name);
      const wanted = /^(?:state[:=](ENABLED|DISABLED|DESTROYED))?$/.exec(filter);
      const start = pageToken === "" ? 0 : Number(pageToken);
      if (wanted === null || !Number.isSafeInteger(start) || start < 0) {
        throw new ApiError("INVALID_ARGUMENT", "The filter or the page token is not valid.");
      }
      const all = listed(secret);
      const matching = all.filter(({ change }) => !wanted[1] || change.state === wanted[1]);
      const end = start + Math.min(pageSize || MAX_PAGE, MAX_PAGE);
      const page = matching.slice(start, end);
      return {
        ...(page.length > 0 && {
          versions: page.map(({ version, change }) => describe(secret, version, change)),
        }),
        ...(end < matching.length && { nextPageToken: String(end) }),
        ...(!filter && all.length > 0 && { totalSize: all.length }),
      };
    },

    access(project: string, name: string, id: string) {
      const { secret, version, change } = findVersion(project, name, id);
      const resource = `${secretName(secret)}/versions/${version.number}`;
      if (change.state !== "ENABLED") {
        throw new ApiError(
          "FAILED_PRECONDITION",
          `Secret Version [${resource}] is in ${change.state} state.`,
        );
      }
      const dataCrc32c = String(crc32c(Buffer.from(version.payload, "base64")));
      return { name: resource, payload: { data: version.payload, dataCrc32c } };
    },

    enable: (project: string, name: string, id: string, etag?: unknown) =>
      change(project, name, id, etag, () => ({ state: "ENABLED" })),

    disable: (project: string, name: string, id: string, etag?: unknown) =>
      change(project, name, id, etag, () => ({ state: "DISABLED" })),

    destroy: (project: string, name: string, id: string, etag?: unknown) =>
      change(project, name, id, etag, ({ settings }, now) => {
        const delay = Number.parseFloat(String(settings.versionDestroyTtl ?? "0"));
        return delay > 0
          ? { state: "DISABLED", scheduledDestroyTime: now + delay }
          : { state: "DESTROYED" };
      }),
  };
}

/** The version's state at a time: its last change, or the destruction that it scheduled. */
function stateAt({ changes, createTime }: StoredVersion, time: Seconds): Change {
  const last = changes.findLast(({ at }) => at <= time) ?? { at: createTime, state: "ENABLED" };
  const { scheduledDestroyTime: end } = last;
  return end !== undefined && end <= time ? { at: end, state: "DESTROYED" } : last;
}

function etagOf({ number }: StoredVersion, { at, state }: Change): string {
  return `"${createHash("sha256").update(`${number} ${at} ${state}`).digest("hex").slice(0, 12)}"`;
}

function describeSecret(secret: StoredSecret) {
  return {
    replication: { automatic: {} },
    ...secret.settings,
    name: secretName(secret),
    createTime: rfc3339(secret.createTime),
  };
}

/** In its responses, Google names resources by their project's number. */
function secretName({ project, name }: StoredSecret): string {
  return `projects/${projectNumber(project)}/secrets/${name}`;
}

function projectNumber(project: string): string {
  if (/^\d+$/.test(project)) return project;
  return String(100_000_000_000 + createHash("sha256").update(project).digest().readUInt32BE());
}

function rfc3339(time: Seconds): string {
  return new Date(time * 1000).toISOString();
}
