import type { ProgramEnvironment } from "../../service/contract/environment.ts";
import { ALL_SETTINGS, type Reader } from "../../service/contract/serviceSettings.ts";
import type { StackConfig } from "./stackConfig.ts";

/** Variables of a service by name, secrets left out. */
type Variables<Service extends Reader> = ProgramEnvironment<Service> &
  Readonly<Record<string, string>>;

/**
 * What the web service reads from its environment, but for the client secret.
 *
 * @param secretKey `sm://PROJECT/SECRET`
 * @param publicUrl Undefined in the local run, where the Host header says it.
 * @param endedSessions `gs://BUCKET`
 */
export function webEnvironment(
  config: StackConfig,
  secretKey: string,
  publicUrl: string | undefined,
  endedSessions: string,
): Variables<"web"> {
  return {
    // Cloud Run shows nothing for an empty value, so a deployment never declares one.
    PUBLIC_URL: publicUrl ?? "",
    ENVIRONMENT: config.environment,
    GOOGLE_CLOUD_PROJECT: config.project,
    SECRET_KEY: secretKey,
    ENDED_SESSIONS: endedSessions,
    ...settingsOf(config, "web"),
  };
}

/**
 * What the rotator reads from its environment.
 *
 * @param secretKey `sm://PROJECT/SECRET`
 */
export function rotatorEnvironment(config: StackConfig, secretKey: string): Variables<"rotator"> {
  const { project, region, names } = config;
  return {
    SECRET_KEY: secretKey,
    // The address that Cloud Run makes up is an output of the service, and can't be its input.
    PUSH_AUDIENCE: `projects/${project}/locations/${region}/services/${names.rotator}`,
    PUSH_ACCOUNT: `${names.push}@${project}.iam.gserviceaccount.com`,
    ...settingsOf(config, "rotator"),
  };
}

function settingsOf(config: StackConfig, reader: Reader): Record<string, string> {
  // What is set, or what the quota allows for.
  const keyRefreshInterval = String(config.keyRefreshInterval);
  const texts = { ...config.service.texts, keyRefreshInterval };
  return Object.fromEntries(
    ALL_SETTINGS.flatMap(([name, { variable, readBy }]) => {
      const text = texts[name];
      return readBy.includes(reader) && text !== undefined ? [[variable, text]] : [];
    }),
  );
}
