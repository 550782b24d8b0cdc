import { AlertPolicy } from "@pulumi/gcp/monitoring/alertPolicy.js";
import { NotificationChannel } from "@pulumi/gcp/monitoring/notificationChannel.js";
import { UptimeCheckConfig } from "@pulumi/gcp/monitoring/uptimeCheckConfig.js";
import { ServiceIdentity } from "@pulumi/gcp/projects/serviceIdentity.js";
import type { monitoring } from "@pulumi/gcp/types/input.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
} from "@pulumi/pulumi";
import type { Grantee } from "../keys/sessionKey.ts";
import type { AlertRule } from "./alertRules.ts";

interface AlertsArgs {
  readonly project: string;
  /** Prefix of the policies' display names. */
  readonly title: string;
  readonly labels: Readonly<Record<string, string>>;
  /** E-mail addresses that get alerts. */
  readonly emails: readonly string[];
  /** Existing channels that get alerts: `projects/P/notificationChannels/N`. */
  readonly channels: readonly string[];
  readonly rules: readonly AlertRule[];
  readonly uptime: UptimeArgs;
  readonly monitoringApi: Resource;
}

/** The uptime check's target. */
export interface UptimeArgs {
  readonly host: Input<string>;
  /**
   * Whether DNS leads there only once somebody has made its records. Until the check has succeeded,
   * it raises no alert.
   */
  readonly awaitsDns: boolean;
  /** Grants an account the right to call the service; undefined if everybody may call it. */
  readonly grantInvoker: ((to: Grantee) => Resource[]) | undefined;
}

/** Alert policies for the rules, and for an uptime check of the service. */
export class Alerts extends ComponentResource {
  readonly #args: AlertsArgs;
  readonly #channels: readonly Input<string>[];

  constructor(name: string, args: AlertsArgs, opts?: ComponentResourceOptions) {
    super("infra:monitoring:Alerts", name, {}, opts);
    this.#args = args;
    const made = args.emails.map(
      (email) =>
        new NotificationChannel(
          email,
          {
            project: args.project,
            type: "email",
            displayName: `${args.title}: ${email}`,
            labels: { email_address: email },
            userLabels: { ...args.labels },
          },
          { parent: this, dependsOn: [args.monitoringApi] },
        ),
    );
    this.#channels = [...made.map(({ id }) => id), ...args.channels];
    for (const rule of args.rules) this.#declareRule(rule);
    this.#declareUptime(args.uptime);
    this.registerOutputs();
  }

  #declareRule({ query, lasting, ...rule }: AlertRule): void {
    this.#declarePolicy({
      ...rule,
      conditions: [
        {
          displayName: rule.title,
          conditionPrometheusQueryLanguage: {
            query,
            duration: `${lasting}s`,
            evaluationInterval: "60s",
            // A new project has no metrics yet: each exists from its first entry on.
            disableMetricValidation: true,
          },
        },
      ],
    });
  }

  #declareUptime({ host, awaitsDns, grantInvoker }: UptimeArgs): void {
    const { project, title, labels, monitoringApi } = this.#args;
    const grants = grantInvoker?.({ name: "uptime", member: this.#agent() });
    const check = new UptimeCheckConfig(
      "uptime",
      {
        project,
        displayName: title,
        period: "300s",
        timeout: "10s",
        httpCheck: {
          path: "/health/ready",
          port: 443,
          useSsl: true,
          validateSsl: true,
          ...(grants && { serviceAgentAuthentication: { type: "OIDC_TOKEN" } }),
        },
        monitoredResource: { type: "uptime_url", labels: { project_id: project, host } },
        userLabels: { ...labels },
      },
      { parent: this, dependsOn: [monitoringApi, ...(grants ?? [])] },
    );
    const filter = check.uptimeCheckId.apply(
      (id) =>
        'metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND ' +
        `resource.type="uptime_url" AND metric.labels.check_id="${id}"`,
    );
    this.#declarePolicy({
      name: "unreachable",
      title: "The service can't be reached",
      severity: "CRITICAL",
      advice:
        "`/health/ready` fails from at least two regions: the service does not answer, or it has no key.",
      conditions: [
        moreThanOne("Fails from two regions", filter, {
          alignmentPeriod: "600s",
          perSeriesAligner: "ALIGN_NEXT_OLDER",
          crossSeriesReducer: "REDUCE_COUNT_FALSE",
        }),
        ...(awaitsDns
          ? [
              moreThanOne("Has succeeded within a day", filter, {
                alignmentPeriod: `${REMEMBERED}s`,
                perSeriesAligner: "ALIGN_COUNT_TRUE",
                crossSeriesReducer: "REDUCE_SUM",
              }),
            ]
          : []),
      ],
    });
  }

  /**
   * The agent whose OIDC token the check sends: https://cloud.google.com/iam/docs/service-agents
   */
  #agent(): Output<string> {
    const { project, monitoringApi } = this.#args;
    const identity = new ServiceIdentity(
      "monitoring-identity",
      { project, service: "monitoring.googleapis.com" },
      { parent: this, dependsOn: [monitoringApi] },
    );
    return identity.email.apply((email) => {
      const [, number = ""] = /^service-(\d+)@/.exec(email) ?? [];
      return `serviceAccount:service-${number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com`;
    });
  }

  #declarePolicy({ name, title, severity, advice, conditions }: Policy): void {
    const { project, labels, monitoringApi } = this.#args;
    new AlertPolicy(
      name,
      {
        project,
        displayName: `${this.#args.title}: ${title}`,
        severity,
        combiner: conditions.length > 1 ? "AND" : "OR",
        conditions: [...conditions],
        notificationChannels: [...this.#channels],
        documentation: { content: advice, mimeType: "text/markdown" },
        alertStrategy: { autoClose: "86400s" },
        userLabels: { ...labels },
      },
      { parent: this, dependsOn: [monitoringApi] },
    );
  }
}

interface Policy extends Omit<AlertRule, "query" | "lasting"> {
  /** All have to hold. */
  readonly conditions: readonly monitoring.AlertPolicyCondition[];
}

/**
 * Seconds. Alert policies look back 25 hours at most:
 * https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#aggregation
 */
const REMEMBERED = 86_400;

function moreThanOne(
  displayName: string,
  filter: Input<string>,
  aggregation: monitoring.AlertPolicyConditionConditionThresholdAggregation,
): monitoring.AlertPolicyCondition {
  return {
    displayName,
    conditionThreshold: {
      filter,
      aggregations: [{ ...aggregation, groupByFields: ["resource.label.host"] }],
      comparison: "COMPARISON_GT",
      thresholdValue: 1,
      duration: "60s",
      trigger: { count: 1 },
    },
  };
}
