import { type Environment, optional, type Parsed, problem } from "../contract/settings.ts";
import { CLOUD_STORAGE_API } from "../google/bucket.ts";
import { parseEndpoint } from "../google/endpoint.ts";

/** The bucket of ended sessions. */
export interface EndedBucket {
  readonly name: string;
  /** Base URL of Cloud Storage's API. */
  readonly endpoint: string;
}

const VARIABLE = "ENDED_SESSIONS";

/** https://cloud.google.com/storage/docs/buckets#naming, without dots: those name domains. */
const NOTATION = /^gs:\/\/([a-z\d][a-z\d_-]{1,61}[a-z\d])$/;

/** Parses ENDED_SESSIONS. Undefined outside Cloud Run: an instance knows only its own ends. */
export function parseEndedSessions(
  env: Environment,
  cloudRun: boolean,
): Parsed<EndedBucket | undefined> {
  const text = optional(env, VARIABLE);
  if (text === undefined) {
    if (!cloudRun) return { value: undefined };
    return problem(
      VARIABLE,
      "is not set, so that a session that ends on one instance would go on at the others",
      "Set it to gs://BUCKET, as npx pulumi up does",
    );
  }
  const name = parseBucket(text);
  if (name === undefined) {
    return problem(VARIABLE, "does not name a bucket", "Write it as gs://BUCKET");
  }
  const endpoint = parseEndpoint(env, CLOUD_STORAGE_API);
  return "problems" in endpoint ? endpoint : { value: { name, endpoint: endpoint.value } };
}

/** Parses `gs://BUCKET`; undefined if it is anything else. */
export function parseBucket(text: string): string | undefined {
  return NOTATION.exec(text)?.[1];
}
