import { Dashboard } from "@pulumi/gcp/monitoring/dashboard.js";
import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import type { Apis } from "../apis.ts";
import type { StackConfig } from "../config/stackConfig.ts";
import type { StackNames } from "../names.ts";
import { alertRules } from "./alertRules.ts";
import { Alerts } from "./alerts.ts";
import { dashboardJson } from "./dashboard.ts";
import { LogMetrics } from "./logMetrics.ts";

/** Periods after which a key that was not replaced is worth an alert. */
const OLD_KEY_PERIODS = 1.5;

export interface MonitoringArgs {
  readonly config: StackConfig;
  readonly names: StackNames;
  readonly apis: Apis;
  readonly url: Output<string>;
}

/** Metrics and a dashboard for everybody, and alerts for those who want them. */
export class Monitoring extends ComponentResource {
  constructor(name: string, args: MonitoringArgs, opts?: ComponentResourceOptions) {
    super("phoenix:infra:Monitoring", name, {}, opts);
    const { config, names, apis } = args;
    const serviceName = names.web;
    const deadLetters = config.rotationPeriod === undefined ? undefined : names.deadLetters;
    const { names: metrics } = new LogMetrics(
      "log-metrics",
      {
        project: config.project,
        serviceName,
        oldKeyAge: config.rotationPeriod && config.rotationPeriod * OLD_KEY_PERIODS,
        loggingApi: apis.of("logging"),
      },
      { parent: this },
    );
    new Dashboard(
      "dashboard",
      {
        project: config.project,
        dashboardJson: dashboardJson({ title: serviceName, serviceName, metrics, deadLetters }),
      },
      { parent: this, dependsOn: [apis.of("monitoring")] },
    );
    if (config.alertEmails.length > 0) {
      new Alerts(
        "alerts",
        {
          project: config.project,
          title: serviceName,
          labels: config.labels,
          emails: config.alertEmails,
          rules: alertRules({
            stack: config.environment,
            project: config.project,
            serviceName,
            secretId: names.secretKey,
            metrics,
            deadLetters,
          }),
          publicHost:
            config.publicAccess === "private"
              ? undefined
              : args.url.apply((url) => url.replace(/^https:\/\//, "")),
          monitoringApi: apis.of("monitoring"),
        },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}
