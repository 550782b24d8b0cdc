import { Dashboard } from "@pulumi/gcp/monitoring/dashboard.js";
import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import type { Apis } from "../apis.ts";
import type { StackId, StackNames } from "../names.ts";
import { alertRules } from "./alertRules.ts";
import { Alerts, type UptimeArgs } from "./alerts.ts";
import { dashboardJson } from "./dashboard.ts";
import { LogMetrics } from "./logMetrics.ts";

/** Rotation periods after which a key that was not replaced raises an alert. */
const OLD_KEY_PERIODS = 1.5;

interface MonitoringArgs {
  readonly id: StackId;
  readonly project: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly names: Pick<StackNames, "web" | "secretKey" | "deadLetters">;
  readonly apis: Apis;
  /** Regions of the web service. */
  readonly regions: readonly string[];
  /** Whether each region always has an instance. */
  readonly warm: boolean;
  /** Seconds between two scheduled rotations; undefined without a schedule. */
  readonly rotationPeriod: number | undefined;
  /** E-mail addresses and existing channels that get alerts; without both there are no alerts. */
  readonly alertEmails: readonly string[];
  readonly alertChannels: readonly string[];
  /** URL of the web service, for the uptime check. */
  readonly url: Output<string>;
  /** Whether DNS leads to the URL only once somebody has made its records. */
  readonly awaitsDns: boolean;
  /** Grants an account the right to call the service; undefined if everybody may call it. */
  readonly grantInvoker: UptimeArgs["grantInvoker"];
}

/** Metrics and a dashboard, and alerts if anybody is to get them. */
export class Monitoring extends ComponentResource {
  constructor(name: string, args: MonitoringArgs, opts?: ComponentResourceOptions) {
    super("infra:monitoring:Monitoring", name, {}, opts);
    const { project, names, apis, rotationPeriod } = args;
    const serviceName = names.web;
    const deadLetters = rotationPeriod === undefined ? undefined : names.deadLetters;
    const { names: metrics } = new LogMetrics(
      "log-metrics",
      {
        project,
        serviceName,
        oldKeyAge: rotationPeriod && rotationPeriod * OLD_KEY_PERIODS,
        loggingApi: apis.of("logging"),
      },
      { parent: this },
    );
    new Dashboard(
      "dashboard",
      {
        project,
        dashboardJson: dashboardJson({
          title: serviceName,
          serviceName,
          byRegion: args.regions.length > 1,
          metrics,
          deadLetters,
        }),
      },
      { parent: this, dependsOn: [apis.of("monitoring")] },
    );
    if (args.alertEmails.length + args.alertChannels.length > 0) {
      new Alerts(
        "alerts",
        {
          project,
          title: serviceName,
          labels: args.labels,
          emails: args.alertEmails,
          channels: args.alertChannels,
          rules: alertRules({
            id: args.id,
            project,
            serviceName,
            regions: args.regions,
            warm: args.warm,
            secretId: names.secretKey,
            metrics,
            deadLetters,
          }),
          uptime: {
            host: args.url.apply((url) => url.replace(/^https:\/\//, "")),
            awaitsDns: args.awaitsDns,
            grantInvoker: args.grantInvoker,
          },
          monitoringApi: apis.of("monitoring"),
        },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}
