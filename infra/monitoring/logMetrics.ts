import { Metric } from "@pulumi/gcp/logging/metric.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi";
import { LOG_EVENTS, LOG_FIELDS } from "../../service/contract/logEvents.ts";

interface LogMetricsArgs {
  readonly project: string;
  /** The Cloud Run service whose log entries are counted; also the prefix of the metrics' names. */
  readonly serviceName: string;
  /** Age in seconds from which the newest key is too old; undefined without a rotation schedule. */
  readonly oldKeyAge: number | undefined;
  readonly loggingApi: Resource;
}

/** The metrics' names in PromQL. */
export interface MetricNames {
  /** Requests by the outcome of their session, in the label `outcome`. */
  readonly sessions: string;
  /** Failures with the keys, by log event, in the label `event`. */
  readonly keyTrouble: string;
  /** Failures with the list of ended sessions, by log event, in the label `event`. */
  readonly endedTrouble: string;
  /** Prefetches of sign-in that were refused with 503. */
  readonly prefetches: string;
  /**
   * Key ring refreshes that found the newest key too old; undefined without a rotation schedule.
   */
  readonly oldKeys: string | undefined;
}

/** Log-based metrics of the web service, for the dashboard and the alerts. */
export class LogMetrics extends ComponentResource {
  readonly names: MetricNames;

  constructor(name: string, args: LogMetricsArgs, opts?: ComponentResourceOptions) {
    super("infra:monitoring:LogMetrics", name, {}, opts);
    const ofService = `resource.type="cloud_run_revision" AND resource.labels.service_name="${args.serviceName}"`;
    const { session, event, newestKeyAge, aborted } = LOG_FIELDS;
    const count = (metric: string, description: string, filter: string, label?: [string, string]) =>
      this.#count({ args, metric, description, filter: `${ofService} AND ${filter}`, label });
    const { keyRingStale, keysNotReady, keySkipped, keyRingRefreshed } = LOG_EVENTS;
    const { endedListStale, endedMarkUnreadable, signOutNotWritten, prefetchRefused } = LOG_EVENTS;
    this.names = {
      sessions: count(
        "sessions",
        "Requests by the outcome of their session.",
        `jsonPayload.${session}:*`,
        ["outcome", session],
      ),
      keyTrouble: count(
        "key_trouble",
        "Failures with the versions of SECRET_KEY.",
        `jsonPayload.${event}=("${[keyRingStale, keysNotReady, keySkipped].join('" OR "')}")`,
        ["event", event],
      ),
      endedTrouble: count(
        "ended_trouble",
        "Failures with the list of ended sessions.",
        `jsonPayload.${event}=("${[endedListStale, endedMarkUnreadable, signOutNotWritten].join('" OR "')}")`,
        ["event", event],
      ),
      prefetches: count(
        "prefetches",
        "Prefetches of sign-in that were refused with 503.",
        // An aborted response may not reach Cloud Run's request_count as 5xx.
        `jsonPayload.${event}="${prefetchRefused}" AND NOT jsonPayload.${aborted}=true`,
      ),
      oldKeys:
        args.oldKeyAge === undefined
          ? undefined
          : count(
              "old_keys",
              "Key ring refreshes that found the newest version of SECRET_KEY too old.",
              `jsonPayload.${event}="${keyRingRefreshed}" AND jsonPayload.${newestKeyAge}>${args.oldKeyAge}`,
            ),
    };
    this.registerOutputs();
  }

  #count(counter: {
    readonly args: LogMetricsArgs;
    readonly metric: string;
    readonly description: string;
    readonly filter: string;
    readonly label: [label: string, field: string] | undefined;
  }): string {
    const { args, metric, description, filter, label } = counter;
    // PromQL allows only letters, digits and underscores in metric names.
    const name = `${args.serviceName}_${metric}`.replaceAll("-", "_");
    new Metric(
      metric,
      {
        project: args.project,
        name,
        description,
        filter,
        metricDescriptor: {
          metricKind: "DELTA",
          valueType: "INT64",
          unit: "1",
          ...(label && { labels: [{ key: label[0], valueType: "STRING" }] }),
        },
        ...(label && { labelExtractors: { [label[0]]: `EXTRACT(jsonPayload.${label[1]})` } }),
      },
      { parent: this, dependsOn: [args.loggingApi] },
    );
    return `logging_googleapis_com:user_${name}`;
  }
}
