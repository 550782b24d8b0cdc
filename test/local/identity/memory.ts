import type { Adapter, AdapterPayload } from "oidc-provider";

/** More than the entries of all users of a test. The oldest are evicted first. */
const MAX_ENTRIES = 2_000;

/** A bounded store in memory for one provider. */
export function createMemory(): (model: string) => Adapter {
  const entries = new Map<string, AdapterPayload>();

  function find(matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    return [...entries.values()].find(matches);
  }

  return (model) => {
    const key = (id: string) => `${model}:${id}`;
    return {
      async upsert(id, payload) {
        entries.delete(key(id));
        entries.set(key(id), payload);
        for (const oldest of entries.keys()) {
          if (entries.size <= MAX_ENTRIES) break;
          entries.delete(oldest);
        }
      },
      async find(id) {
        return entries.get(key(id));
      },
      async findByUid(uid) {
        return find((payload) => payload.uid === uid && payload.kind === model);
      },
      async findByUserCode(userCode) {
        return find((payload) => payload.userCode === userCode);
      },
      async consume(id) {
        const payload = entries.get(key(id));
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        entries.delete(key(id));
      },
      async revokeByGrantId(grantId) {
        for (const [id, payload] of entries) if (payload.grantId === grantId) entries.delete(id);
      },
    };
  };
}
