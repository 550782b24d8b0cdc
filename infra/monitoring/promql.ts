/*
 * Selectors that alerts and the dashboard share. Each has the label `monitored_resource`, which
 * Cloud Monitoring requires for a metric that several kinds of resources write.
 */

/** A metric of Cloud Run revisions, such as a log-based one. */
export function counted(metric: string, ...labels: readonly string[]): string {
  return select(metric, "cloud_run_revision", labels);
}

/** One of Cloud Run's own metrics, of one service. */
export function ofService(
  serviceName: string,
  metric: string,
  ...labels: readonly string[]
): string {
  return counted(`run_googleapis_com:${metric}`, `service_name="${serviceName}"`, ...labels);
}

/** Number of undelivered messages in a subscription. */
export function undelivered(subscription: string): string {
  const metric = "pubsub_googleapis_com:subscription_num_undelivered_messages";
  return `max(${select(metric, "pubsub_subscription", [`subscription_id="${subscription}"`])})`;
}

function select(metric: string, resource: string, labels: readonly string[]): string {
  return `${metric}{${[`monitored_resource="${resource}"`, ...labels].join()}}`;
}
