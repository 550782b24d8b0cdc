import { LIST_PAGE_SIZE, LIST_PAGES, UNLISTED_VERSIONS } from "../keys/limits.ts";
import { crc32c } from "./crc32c.ts";
import { failedAs, GoogleApiError } from "./googleApiError.ts";
import type { RestClient } from "./restClient.ts";
import { SECRET_MANAGER_API } from "./secretManagerApi.ts";
import { type SecretReference, secretResource } from "./secretReference.ts";
import { createSecretVersions, parseVersion, type SecretVersion } from "./secretVersions.ts";

export interface ReadVersions {
  /** The newest first. */
  readonly versions: readonly SecretVersion[];
  /** The server's time, in Unix seconds: versions' ages don't depend on this machine's clock. */
  readonly now: number;
}

/** A secret's versions, to be changed. Every failure is a GoogleApiError. */
export interface VersionStore {
  read(): Promise<ReadVersions>;
  /** Adds a version and returns it, its checksum confirmed by the server. */
  add(payload: Uint8Array): Promise<SecretVersion>;
  /** Disables a version; done already is fine too. */
  disable(version: SecretVersion): Promise<void>;
  /**
   * Destroys a version, if it is still as it was read; done already is fine too.
   * @returns false if somebody changed it meanwhile.
   */
  destroy(version: SecretVersion): Promise<boolean>;
}

export interface VersionStoreDeps {
  readonly client: RestClient;
  readonly secret: SecretReference;
  /** Unix time in seconds, for answers that don't say the server's. */
  readonly clock: () => number;
}

export function createVersionStore({ client, secret, clock }: VersionStoreDeps): VersionStore {
  const source = createSecretVersions(client, secret);
  const resource = `v1/${secretResource(secret)}`;

  async function change(
    version: SecretVersion,
    verb: string,
    body: object,
  ): Promise<SecretVersion> {
    const answer = await client.post(`${resource}/versions/${version.version}:${verb}`, body);
    return parseVersion(answer.body, secret.name);
  }

  return {
    /**
     * The list may lag, and what is decided on it can't be undone: so every version that is not
     * destroyed is read by its number, which does not lag, and so are those that it leaves out.
     */
    async read() {
      const { versions: listed, serverTime } = await source.list();
      const newestListed = listed.reduce((max, { version }) => Math.max(max, version), 0);
      const destroyed = new Map(
        listed.filter(({ state }) => state === "DESTROYED").map((v) => [v.version, v]),
      );
      const versions: SecretVersion[] = [];
      // Numbers have no gaps, but of a list that was cut off the older ones are left alone.
      const first = listed.length < LIST_PAGES * LIST_PAGE_SIZE ? 1 : (listed.at(-1)?.version ?? 1);
      for (let number = first; number <= newestListed + UNLISTED_VERSIONS; number += 1) {
        const version = destroyed.get(number) ?? (await source.get(number));
        if (version !== undefined) versions.unshift(version);
        else if (number > newestListed) break;
      }
      return { versions, now: serverTime ?? clock() };
    },

    async add(payload) {
      const data = Buffer.from(payload).toString("base64");
      const dataCrc32c = String(crc32c(payload));
      const { body } = await client.post(`${resource}:addVersion`, {
        payload: { data, dataCrc32c },
      });
      const added = parseVersion(body, secret.name);
      if (body.clientSpecifiedPayloadChecksum !== true) {
        throw new GoogleApiError(
          SECRET_MANAGER_API,
          "INVALID_ANSWER",
          `Secret Manager added version ${added.version} and did not confirm its checksum`,
        );
      }
      return added;
    },

    async disable(version) {
      try {
        await change(version, "disable", {});
      } catch (error) {
        if (!failedAs(error, "FAILED_PRECONDITION")) throw error;
        if ((await source.get(version.version))?.state === "ENABLED") throw error;
      }
    },

    async destroy(version) {
      try {
        await change(version, "destroy", version.etag === undefined ? {} : { etag: version.etag });
        return true;
      } catch (error) {
        if (!failedAs(error, "FAILED_PRECONDITION")) throw error;
      }
      const current = await source.get(version.version);
      return current?.state === "DESTROYED" || current?.scheduledDestroyTime !== undefined;
    },
  };
}
