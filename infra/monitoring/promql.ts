/*
 * Queries that alerts and the dashboard share. Each names the kind of its resource, as Cloud
 * Monitoring asks for where a metric is written for several.
 */

/** A metric over the log of Cloud Run's revisions. */
export function counted(metric: string, ...labels: readonly string[]): string {
  return select(metric, "cloud_run_revision", labels);
}

/** One of Cloud Run's own metrics of a service. */
export function ofService(
  serviceName: string,
  metric: string,
  ...labels: readonly string[]
): string {
  return counted(`run_googleapis_com:${metric}`, `service_name="${serviceName}"`, ...labels);
}

/** Messages that wait in a subscription. */
export function undelivered(subscription: string): string {
  const metric = "pubsub_googleapis_com:subscription_num_undelivered_messages";
  return `max(${select(metric, "pubsub_subscription", [`subscription_id="${subscription}"`])})`;
}

function select(metric: string, resource: string, labels: readonly string[]): string {
  return `${metric}{${[`monitored_resource="${resource}"`, ...labels].join()}}`;
}
