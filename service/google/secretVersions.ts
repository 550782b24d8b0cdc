import type { KeyVersion, VersionState } from "../keys/keyRing.ts";
import { decodeBase64 } from "../pure/base64.ts";
import { crc32c } from "../pure/crc32c.ts";
import { asObject, type JsonObject } from "../pure/json.ts";
import { parseTime, type Seconds } from "../pure/seconds.ts";
import {
  COMMON_REMEDIES,
  failedAs,
  type GoogleApi,
  invalidAnswer,
  unlessFailedAs,
} from "./googleApiError.ts";
import type { RestClient } from "./restClient.ts";

export const SECRET_MANAGER_API: GoogleApi = {
  name: "Secret Manager",
  code: "SECRET_MANAGER",
  service: "secretmanager",
  remedies: {
    ...COMMON_REMEDIES,
    FORBIDDEN:
      "Grant the account roles on the secret (to read: secretmanager.secretAccessor and .viewer; " +
      "to rotate: .secretVersionManager), and see that the API is enabled",
    NOT_FOUND: "Check the project and the secret's name: gcloud secrets list --project PROJECT",
    FAILED_PRECONDITION:
      "Look at the version's state: gcloud secrets versions list SECRET --project PROJECT",
    EXHAUSTED:
      "Wait a minute; if it lasts, raise the quota, or how long instances go without" +
      " reading: npx pulumi config set --stack STACK keyRefreshInterval SECONDS",
    REJECTED: "Check the secret's name and this program's version",
  },
};

const invalid = (what: string) => invalidAnswer(SECRET_MANAGER_API, what);

export interface SecretReference {
  /** ID or number of the project. */
  readonly project: string;
  readonly name: string;
}

export interface SecretVersion extends KeyVersion {
  /** Changes with the version's state. */
  readonly etag?: string | undefined;
  /** Number or ID of the project as in the response, usually the number. */
  readonly project: string;
}

/** Result of reading a version with its payload. */
export type VersionReading =
  /** The payload's checksum is verified. */
  | { readonly state: "ENABLED"; readonly payload: Buffer }
  | { readonly state: "DISABLED" | "DESTROYED" }
  /** There is no such version, or no such secret. */
  | { readonly state: "ABSENT"; readonly error: unknown }
  /** The state can't be told. `refused`: the payload is refused, so it is not ENABLED for sure. */
  | { readonly state: "UNREADABLE"; readonly error: unknown; readonly refused: boolean };

export type SecretVersions = ReturnType<typeof createSecretVersions>;
export type VersionStore = ReturnType<typeof createVersionStore>;

/** Limit for versions that a lagging list omits, which are read by number. */
export const UNLISTED_VERSIONS = 100;

/** The API's maximum, about 350 kB. A secret that is rotated weekly fills a page in 19 years. */
const PAGE_SIZE = 1000;

/** Limit for pages, in case a response always has a next page. */
const MAX_PAGES = 10;

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects, or domain-scoped. */
const PROJECT = "[a-z\\d][a-z\\d.:-]{0,61}[a-z\\d]";
/** https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create */
const NAME = "[A-Za-z\\d_-]{1,255}";
const REFERENCE = new RegExp(`^(?:sm://(${PROJECT})/|projects/(${PROJECT})/secrets/)(${NAME})$`);

const NUMBER = "[1-9]\\d{0,8}";
/** A version's number, which is the key's ID. */
export const VERSION_NUMBER = new RegExp(`^${NUMBER}$`);
const VERSION_NAME = new RegExp(`^projects/([^/]+)/secrets/(${NAME})/versions/(${NUMBER})$`);

const STATES: readonly VersionState[] = ["ENABLED", "DISABLED", "DESTROYED"];

/** Parses `sm://PROJECT/SECRET` or `projects/PROJECT/secrets/SECRET`; undefined if neither. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const [, short, long, name] = REFERENCE.exec(text) ?? [];
  const project = short ?? long;
  return project === undefined || name === undefined ? undefined : { project, name };
}

/** The secret's resource name: `projects/PROJECT/secrets/SECRET`. */
export function secretResource({ project, name }: SecretReference): string {
  return `projects/${project}/secrets/${name}`;
}

/** Reads a secret's versions. Every failure is a GoogleApiError; every answer is checked. */
export function createSecretVersions(client: RestClient, secret: SecretReference) {
  const resource = `v1/${secretResource(secret)}`;

  /** A version in any state, without its payload; undefined if there is none. Never lags. */
  async function get(version: number): Promise<SecretVersion | undefined> {
    const body = await unlessFailedAs("NOT_FOUND", client.get(`${resource}/versions/${version}`));
    return body && parseVersion(body, secret, version);
  }

  /**
   * All versions, the newest first, destroyed ones too, and the server's time if the response has
   * it. May lag behind the truth for minutes, and rarely for hours.
   */
  async function list() {
    const versions: SecretVersion[] = [];
    let serverTime: Seconds | undefined;
    let pageToken: string | undefined;
    let pages = 0;
    do {
      const query = { pageSize: PAGE_SIZE, pageToken };
      const page = await client.list(`${resource}/versions`, "versions", query);
      versions.push(...page.items.map((item) => parseVersion(item, secret)));
      serverTime ??= page.serverTime;
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== undefined && pages < MAX_PAGES);
    return { versions, serverTime };
  }

  return {
    get,
    list,

    /**
     * A version with its payload if it is enabled. Never lags, never rejects.
     * @param last its state before: whether a disabled one was destroyed since is not asked
     */
    async access(version: number, last?: VersionReading["state"]): Promise<VersionReading> {
      try {
        const { name, payload } = await client.get(`${resource}/versions/${version}:access`);
        parseName(name, secret, version);
        return { state: "ENABLED", payload: parsePayload(asObject(payload)) };
      } catch (error) {
        if (failedAs(error, "NOT_FOUND")) return { state: "ABSENT", error };
        const refused = failedAs(error, "FAILED_PRECONDITION");
        if (refused) {
          // Access is also refused while the secret's encryption key is unusable.
          const isSettled = last === "DISABLED";
          const state = isSettled ? last : (await get(version).catch(() => undefined))?.state;
          if (state === "DISABLED" || state === "DESTROYED") return { state };
        }
        return { state: "UNREADABLE", error, refused };
      }
    },
  };
}

/**
 * Reads and changes a secret's versions. It stands apart so that the web service, which only reads
 * them, ships without the code that adds one.
 */
export function createVersionStore(client: RestClient, secret: SecretReference) {
  const reader = createSecretVersions(client, secret);
  const resource = `v1/${secretResource(secret)}`;

  async function change(version: number, verb: string, body: object): Promise<SecretVersion> {
    const changed = await client.post(`${resource}/versions/${version}:${verb}`, body);
    return parseVersion(changed, secret, version);
  }

  return {
    ...reader,

    /**
     * All versions, without payloads, and the server's time, so that ages don't depend on this
     * machine's clock. What is decided on them can't be undone, and a list may lag: so every
     * version that is not destroyed is read by its number, and so are those that the list leaves
     * out.
     */
    async read() {
      const { versions: listed, serverTime } = await reader.list();
      const newestListed = Math.max(0, ...listed.map(({ version }) => version));
      const destroyed = new Map(
        listed.filter(({ state }) => state === "DESTROYED").map((v) => [v.version, v]),
      );
      const versions: SecretVersion[] = [];
      // Numbers have no gaps. If the list was cut off, older versions are left out.
      const first = listed.length < MAX_PAGES * PAGE_SIZE ? 1 : (listed.at(-1)?.version ?? 1);
      for (let number = first; number <= newestListed + UNLISTED_VERSIONS; number += 1) {
        const version = destroyed.get(number) ?? (await reader.get(number));
        if (version !== undefined) versions.unshift(version);
        else if (number > newestListed) break;
      }
      return { versions, now: serverTime ?? Date.now() / 1000 };
    },

    /** Adds a version and returns it, if the server confirms the checksum. */
    async add(payload: Uint8Array): Promise<SecretVersion> {
      const data = Buffer.from(payload).toString("base64");
      const body = await client.post(`${resource}:addVersion`, {
        payload: { data, dataCrc32c: String(crc32c(payload)) },
      });
      const added = parseVersion(body, secret);
      if (body.clientSpecifiedPayloadChecksum === true) return added;
      throw invalid(`version ${added.version} and did not confirm the payload's checksum`);
    },

    /** Disables a version; succeeds if that was done already. */
    async disable({ version }: SecretVersion): Promise<void> {
      try {
        await change(version, "disable", {});
      } catch (error) {
        const isConflict = failedAs(error, "FAILED_PRECONDITION");
        if (!isConflict || (await reader.get(version))?.state === "ENABLED") throw error;
      }
    },

    /**
     * Destroys a version, if it is still as it was read; done already is fine too.
     * @returns false if somebody changed it meanwhile.
     */
    async destroy({ version, etag }: SecretVersion): Promise<boolean> {
      const destroying = change(version, "destroy", { etag });
      if (await unlessFailedAs("FAILED_PRECONDITION", destroying)) return true;
      const current = await reader.get(version);
      return current?.state === "DESTROYED" || current?.scheduledDestroyTime !== undefined;
    },
  };
}

/** @param expected the version's number; default: any */
function parseVersion(
  resource: JsonObject,
  secret: SecretReference,
  expected?: number,
): SecretVersion {
  const named = parseName(resource.name, secret, expected);
  const state = STATES.find((known) => known === resource.state);
  const createTime = parseTime(resource.createTime);
  if (createTime === undefined) throw invalid("a version without a time of creation");
  if (state === undefined) throw invalid("a version in an unknown state");
  const scheduledDestroyTime = parseTime(resource.scheduledDestroyTime);
  const etag = typeof resource.etag === "string" ? resource.etag : undefined;
  return { ...named, state, createTime, scheduledDestroyTime, etag };
}

/** Does not compare the project, because Secret Manager always returns its number. */
function parseName(name: unknown, secret: SecretReference, expected?: number) {
  const [, project, secretName, number] =
    (typeof name === "string" && VERSION_NAME.exec(name)) || [];
  const version = Number(number);
  if (project === undefined || secretName !== secret.name) {
    throw invalid("a version without a name of this secret's");
  }
  if (expected !== undefined && version !== expected) {
    throw invalid("another version than the one asked for");
  }
  return { version, project };
}

/** Accepts a missing checksum, which the API calls optional, but never a wrong one. */
function parsePayload({ data, dataCrc32c }: JsonObject = {}): Buffer {
  const bytes = typeof data === "string" ? decodeBase64(data, "base64") : undefined;
  if (bytes === undefined) throw invalid("a version without a payload");
  if (dataCrc32c !== undefined && String(dataCrc32c) !== String(crc32c(bytes))) {
    throw invalid("a payload whose checksum is wrong");
  }
  return bytes;
}
