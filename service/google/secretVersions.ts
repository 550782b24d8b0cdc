import type { KeyVersion, VersionState } from "../keys/keyRing.ts";
import { LIST_PAGE_SIZE, LIST_PAGES } from "../keys/limits.ts";
import { asObject, type JsonObject } from "../pure/json.ts";
import { crc32c } from "./crc32c.ts";
import { failedAs, GoogleApiError } from "./googleApiError.ts";
import type { RestClient } from "./restClient.ts";
import { SECRET_MANAGER_API } from "./secretManagerApi.ts";
import { type SecretReference, secretResource } from "./secretReference.ts";

/** A version as Secret Manager describes it. */
export interface SecretVersion extends KeyVersion {
  /** Changes with the version's state; undefined if there was none in the answer. */
  readonly etag?: string;
  /** Number or ID of the project, as Secret Manager writes it: usually the number. */
  readonly project: string;
}

export interface VersionList {
  /** All versions, the newest first, destroyed ones too. May lag behind the truth. */
  readonly versions: readonly SecretVersion[];
  /** The server's time, in Unix seconds; undefined if it did not say. */
  readonly serverTime: number | undefined;
}

/** What there is at a number, read with its payload. */
export type VersionReading =
  /** The payload's checksum is verified. */
  | { readonly state: "ENABLED"; readonly payload: Buffer }
  | { readonly state: "DISABLED" | "DESTROYED" }
  /** There is no such version, or no such secret. */
  | { readonly state: "ABSENT"; readonly error: unknown }
  /** The state can't be told. `refused`: the payload is refused, so it is not ENABLED for sure. */
  | { readonly state: "UNREADABLE"; readonly error: unknown; readonly refused: boolean };

/** Reads a secret's versions. Every failure is a GoogleApiError; every answer is checked. */
export interface SecretVersions {
  list(): Promise<VersionList>;
  /** A version without its payload, in whatever state; undefined if there is none. */
  get(version: number): Promise<SecretVersion | undefined>;
  /**
   * A version with its payload if it is enabled. Never rejects.
   * @param last its state before: whether a disabled one was destroyed since is not asked
   */
  read(version: number, last?: VersionReading["state"]): Promise<VersionReading>;
}

const STATES: ReadonlySet<unknown> = new Set<VersionState>(["ENABLED", "DISABLED", "DESTROYED"]);
const BASE64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/;
/** Of one version: what a key is called. */
export const VERSION_NUMBER = /^[1-9]\d{0,8}$/;

export function createSecretVersions(client: RestClient, secret: SecretReference): SecretVersions {
  const resource = `v1/${secretResource(secret)}`;

  async function get(version: number): Promise<SecretVersion | undefined> {
    try {
      const { body } = await client.get(`${resource}/versions/${version}`);
      const parsed = parseVersion(body, secret.name);
      if (parsed.version !== version) throw invalid("another version than the one asked for");
      return parsed;
    } catch (error) {
      if (failedAs(error, "NOT_FOUND")) return undefined;
      throw error;
    }
  }

  async function access(version: number): Promise<Buffer> {
    const { body } = await client.get(`${resource}/versions/${version}:access`);
    if (versionNumber(body.name, secret.name)?.version !== version) {
      throw invalid("another version than the one asked for");
    }
    return parsePayload(asObject(body.payload));
  }

  return {
    async list() {
      const versions: SecretVersion[] = [];
      let pageToken: string | undefined;
      let serverTime: number | undefined;
      for (let page = 0; page < LIST_PAGES; page += 1) {
        const query = { pageSize: String(LIST_PAGE_SIZE), ...(pageToken && { pageToken }) };
        const answer = await client.get(`${resource}/versions`, query);
        serverTime ??= answer.serverTime;
        const { versions: entries = [], nextPageToken } = answer.body;
        if (!Array.isArray(entries)) throw invalid("a list without versions");
        for (const entry of entries) versions.push(parseVersion(asObject(entry), secret.name));
        if (typeof nextPageToken !== "string" || nextPageToken === "") break;
        pageToken = nextPageToken;
      }
      return { versions, serverTime };
    },

    get,

    async read(version, last) {
      try {
        return { state: "ENABLED", payload: await access(version) };
      } catch (error) {
        if (failedAs(error, "NOT_FOUND")) return { state: "ABSENT", error };
        const refused = failedAs(error, "FAILED_PRECONDITION");
        if (!refused) return { state: "UNREADABLE", error, refused };
        if (last === "DISABLED" || last === "DESTROYED") return { state: last };
        const state = await get(version).then(
          (found) => found?.state,
          () => undefined,
        );
        if (state === "DISABLED" || state === "DESTROYED") return { state };
        return { state: "UNREADABLE", error, refused };
      }
    },
  };
}

/**
 * A version as the API describes it.
 * @throws GoogleApiError if it is not one of that secret.
 */
export function parseVersion(resource: JsonObject | undefined, secretName: string): SecretVersion {
  const name = versionNumber(resource?.name, secretName);
  const createTime = timestamp(resource?.createTime);
  if (resource === undefined || name === undefined || createTime === undefined) {
    throw invalid("a version without a name or a time of creation");
  }
  const { state, etag } = resource;
  if (!isState(state)) throw invalid("a version in an unknown state");
  const scheduledDestroyTime = timestamp(resource.scheduledDestroyTime);
  return {
    ...name,
    state,
    createTime,
    ...(typeof etag === "string" && { etag }),
    ...(scheduledDestroyTime !== undefined && { scheduledDestroyTime }),
  };
}

function versionNumber(
  name: unknown,
  secretName: string,
): { readonly version: number; readonly project: string } | undefined {
  if (typeof name !== "string") return undefined;
  const [projects, project, secrets, secret, versions, version, ...rest] = name.split("/");
  const matches =
    projects === "projects" &&
    secrets === "secrets" &&
    secret === secretName &&
    versions === "versions" &&
    rest.length === 0;
  if (!matches || !project || version === undefined || !VERSION_NUMBER.test(version)) {
    return undefined;
  }
  return { version: Number(version), project };
}

/** A checksum that is missing is accepted, because the API calls it optional; a wrong one never. */
function parsePayload(payload: JsonObject | undefined): Buffer {
  const { data, dataCrc32c } = payload ?? {};
  if (typeof data !== "string" || !BASE64.test(data)) throw invalid("a version without a payload");
  const bytes = Buffer.from(data, "base64");
  if (dataCrc32c !== undefined && String(dataCrc32c) !== String(crc32c(bytes))) {
    throw invalid("a payload whose checksum is wrong");
  }
  return bytes;
}

function isState(state: unknown): state is VersionState {
  return STATES.has(state);
}

/** Unix seconds of an RFC 3339 time. */
function timestamp(text: unknown): number | undefined {
  const time = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time / 1000;
}

function invalid(what: string): GoogleApiError {
  return new GoogleApiError(
    SECRET_MANAGER_API,
    "INVALID_ANSWER",
    `Secret Manager answered with ${what}`,
  );
}
