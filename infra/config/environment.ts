import type { ProgramEnvironment } from "../../service/contract/environment.ts";
import { ALL_SETTINGS, type Reader } from "../../service/contract/serviceSettings.ts";
import type { StackConfig } from "./stackConfig.ts";

/** Environment variables of a service, without secrets. */
type Variables<Service extends Reader> = ProgramEnvironment<Service> &
  Readonly<Record<string, string>>;

/**
 * The web service's environment, without the client secret.
 *
 * @param secretKey `sm://PROJECT/SECRET`
 * @param publicUrl Undefined in the local run, where the service takes it from the Host header.
 * @param endedSessions `gs://BUCKET`
 */
export function webEnvironment(
  config: StackConfig,
  secretKey: string,
  publicUrl: string | undefined,
  endedSessions: string,
): Variables<"web"> {
  return {
    // Empty in the local run only: Cloud Run drops empty values, so `up` would always see a change.
    PUBLIC_URL: publicUrl ?? "",
    // Cloud Run's front end appends the client's address. A load balancer before it appends its own
    // as well: https://cloud.google.com/load-balancing/docs/https#x-forwarded-for_header
    TRUSTED_PROXIES: publicUrl !== undefined && config.domain !== undefined ? "2" : "1",
    ENVIRONMENT: config.environment,
    GOOGLE_CLOUD_PROJECT: config.project,
    SECRET_KEY: secretKey,
    ENDED_SESSIONS: endedSessions,
    ...settingsOf(config, "web"),
  };
}

/**
 * The rotator's environment.
 *
 * @param secretKey `sm://PROJECT/SECRET`
 */
export function rotatorEnvironment(config: StackConfig, secretKey: string): Variables<"rotator"> {
  const { project, region, names } = config;
  return {
    SECRET_KEY: secretKey,
    // Not the service's URL, which is its output and so can't be its input: a custom audience.
    PUSH_AUDIENCE: `projects/${project}/locations/${region}/services/${names.rotator}`,
    PUSH_ACCOUNT: `${names.push}@${project}.iam.gserviceaccount.com`,
    ...settingsOf(config, "rotator"),
  };
}

function settingsOf(config: StackConfig, reader: Reader): Record<string, string> {
  // The setting, or the shortest interval within the quota if that is longer.
  const keyRefreshInterval = String(config.keyRefreshInterval);
  const texts = { ...config.service.texts, keyRefreshInterval };
  return Object.fromEntries(
    ALL_SETTINGS.flatMap(([name, { variable, readBy }]) => {
      const text = texts[name];
      return readBy.includes(reader) && text !== undefined ? [[variable, text]] : [];
    }),
  );
}
