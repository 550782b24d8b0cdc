import { LOG_EVENTS, LOST_SESSIONS } from "../../service/contract/logEvents.ts";
import type { StackId } from "../names.ts";
import type { MetricNames } from "./logMetrics.ts";
import { counted, ofService, undelivered } from "./promql.ts";

/** A condition that raises an alert, and the advice that the alert carries. */
export interface AlertRule {
  /** Part of the resource's name. */
  readonly name: string;
  readonly title: string;
  readonly severity: "CRITICAL" | "ERROR" | "WARNING";
  /** PromQL that returns a series while the condition holds. */
  readonly query: string;
  /** Seconds for which the condition has to hold before the alert is raised; a multiple of 30. */
  readonly lasting: number;
  /** Markdown: what it means and what to do. */
  readonly advice: string;
}

interface AlertRulesArgs {
  /** For commands. */
  readonly id: StackId;
  readonly project: string;
  readonly serviceName: string;
  /** Regions of the service. */
  readonly regions: readonly string[];
  /** Whether each region always has an instance. */
  readonly warm: boolean;
  /** Name of SECRET_KEY's secret in the project. */
  readonly secretId: string;
  readonly metrics: MetricNames;
  /** Name of the subscription that keeps rotations that failed; undefined without a schedule. */
  readonly deadLetters: string | undefined;
}

/**
 * Refused sessions of one outcome in ten minutes that raise no alert yet. A few are normal: forged
 * cookies, and cookies that outlived their session.
 */
const REFUSED = 10;
/** Longer than the queries' five-minute window, so that one log entry raises no alert. */
const PERSISTENT = 420;
/** The shortest duration that Google's JSON is sure to keep: a zero could be omitted. */
const AT_ONCE = 60;

/** The only outcome that strangers can't cause while Secret Manager answers. */
const UNAVAILABLE = "key_unavailable" satisfies (typeof LOST_SESSIONS)[number];

/**
 * Log-based metrics lag behind Cloud Run's own metrics, so refused prefetches count as faults until
 * then: https://cloud.google.com/logging/docs/logs-based-metrics/troubleshooting
 */
const LOG_METRIC_DELAY = 120;

/** Share of requests that may fail in 30 days. */
const ERROR_BUDGET = 0.001;
/** With fewer failed requests in the long window, the share of failures means nothing. */
const FEWEST_FAULTS = 10;
/**
 * Burn rates of the error budget, and the windows over which they are measured. The short window
 * ends the alert soon after the failures end:
 * https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts
 */
const BURN_RATES = [
  { name: "fast", rate: 14.4, long: "1h", short: "5m", severity: "CRITICAL" },
  { name: "slow", rate: 6, long: "6h", short: "30m", severity: "ERROR" },
] as const;

/** The alert rules of one stack. */
export function alertRules(args: AlertRulesArgs): AlertRule[] {
  const { project, metrics, secretId } = args;
  const { product, environment: stack } = args.id;
  const rotate = `npm run rotate -- --stack ${stack}`;
  const refused = (outcomes: readonly string[]) =>
    `sum by (outcome) (increase(${counted(metrics.sessions, `outcome=~"${outcomes.join("|")}"`)}[10m]))` +
    ` > ${REFUSED}`;
  const trouble = (event: string) =>
    `sum by (location) (increase(${counted(metrics.keyTrouble, `event="${event}"`)}[5m])) > 0`;
  const rules: AlertRule[] = [
    {
      name: "keys-unavailable",
      title: "Keys of sessions can't be read",
      severity: "CRITICAL",
      // With one failed call, strangers cause any number of refusals. So refreshes have to fail
      // too.
      query: `${refused([UNAVAILABLE])} and on() ${trouble(LOG_EVENTS.keyRingStale)}`,
      lasting: PERSISTENT,
      advice:
        "`key_unavailable`: Secret Manager can't be reached. These visitors got 503 and stay " +
        "signed in. The entries `key_lookup_failed` and `key_ring_stale` name the cause.",
    },
    {
      name: "sessions-refused",
      title: "Sessions are refused because of their key",
      // A warning only: anybody can raise it by forging cookies.
      severity: "WARNING",
      query: refused(LOST_SESSIONS.filter((outcome) => outcome !== UNAVAILABLE)),
      lasting: AT_ONCE,
      advice:
        "`unknown_key`: the cookies name a key that was never a version of the secret. They were " +
        "made with another secret, or forged.\n\n" +
        "`retired_key`: the cookies name a version that is disabled or destroyed; its number N is the " +
        "`kid` of these requests' entries. If the version has leaked, or after " +
        `\`${rotate} --compromised\`, this is intended: leave it disabled, and visitors sign in again. ` +
        "If it was replaced more than a session's lifetime ago, the cookies are expired or forged, " +
        "and there is nothing to do. Otherwise it was disabled or destroyed too early. Within seven " +
        `days, restore it: \`gcloud secrets versions enable N --secret ${secretId} --project ${project}\`.`,
    },
    {
      name: "key-ring-stale",
      title: "The keys can't be refreshed",
      severity: "ERROR",
      query: trouble(LOG_EVENTS.keyRingStale),
      lasting: PERSISTENT,
      advice:
        `Instances use the keys that they have, and do not see changes of ${secretId}. The entries ` +
        "`key_ring_stale` name the cause: a missing grant, a quota, an outage.",
    },
    {
      name: "keys-not-ready",
      title: "An instance has no key",
      severity: "CRITICAL",
      query: trouble(LOG_EVENTS.keysNotReady),
      lasting: PERSISTENT,
      advice:
        `An instance could not read any usable version of ${secretId} and gets no requests. ` +
        "The entries `keys_not_ready` name the cause.",
    },
    {
      name: "key-skipped",
      title: "A version of SECRET_KEY is unusable",
      severity: "ERROR",
      query: trouble(LOG_EVENTS.keySkipped),
      lasting: AT_ONCE,
      advice:
        "The entries `key_skipped` name the version and its fault; a payload needs at least 32 " +
        `characters. Disable the version, then \`${rotate}\`. Do it before the next scheduled ` +
        "rotation, which would treat this version as the successor of the signing key.",
    },
    {
      name: "ended-list-stale",
      title: "Which sessions have ended can't be read or written",
      severity: "ERROR",
      query: `sum by (location) (increase(${counted(metrics.endedTrouble)}[5m])) > 0`,
      lasting: PERSISTENT,
      advice:
        "Other instances may still accept sessions that end now; nobody is signed out by this. After " +
        `15 minutes \`${product}:endedOutage\` decides. The entries \`ended_list_stale\`, ` +
        "`ended_mark_unreadable` and `sign_out_not_written` name the cause: a missing grant on the " +
        "bucket, a quota, an outage. The browser's next request repeats a sign-out that failed.",
    },
    ...BURN_RATES.map(
      ({ name, rate, long, short, severity }): AlertRule => ({
        name: `errors-${name}`,
        title: `The service spends its error budget ${rate} times too fast`,
        severity,
        query: burning(args, rate, [long, short]),
        lasting: LOG_METRIC_DELAY,
        advice:
          `More than ${(rate * ERROR_BUDGET * 100).toFixed(2)} % of the answers of the last ${long} and ` +
          `${short} are errors of the service. See the entries of severity ERROR. If it began with a ` +
          `deployment, go back: set \`${product}:traffic\` to the revision before and run ` +
          `\`npx pulumi up --stack ${stack}\`.`,
      }),
    ),
  ];
  if (args.regions.length > 1 && args.warm) {
    rules.push({
      name: "region-missing",
      title: "A region has no instance",
      severity: "ERROR",
      query: `(${regionsWithInstances(args.serviceName)} or vector(0)) < ${args.regions.length}`,
      lasting: PERSISTENT,
      advice:
        `One of ${args.regions.join(", ")} has no instance of the service; the others serve its ` +
        "visitors. The dashboard shows which, and the service's log there why. If it lasts, take the " +
        `region out of \`${product}:regions\`.`,
    });
  }
  if (metrics.oldKeys !== undefined) {
    rules.push({
      name: "old-key",
      title: "SECRET_KEY was not rotated",
      severity: "WARNING",
      query: `sum(increase(${counted(metrics.oldKeys)}[1h])) > 0`,
      lasting: AT_ONCE,
      advice:
        "The newest key is older than one and a half periods. See the rotator's log and the dead " +
        `letters; \`${rotate}\` rotates by hand.`,
    });
  }
  if (args.deadLetters !== undefined) {
    rules.push({
      name: "rotation-dead-letters",
      title: "A rotation of SECRET_KEY failed for good",
      severity: "ERROR",
      query: `${undelivered(args.deadLetters)} > 0`,
      lasting: AT_ONCE,
      advice:
        `The rotator failed for hours; its log says why. Rotate by hand with \`${rotate}\`, then remove ` +
        `the message: \`gcloud pubsub subscriptions pull ${args.deadLetters} --auto-ack ` +
        `--project ${project}\`.`,
    });
  }
  return rules;
}

function regionsWithInstances(serviceName: string): string {
  const instances = ofService(serviceName, "container_instance_count");
  return `count(sum by (location) (${instances}) > 0)`;
}

/**
 * PromQL: the share of 5xx exceeds `rate` times the budget in each window. The longest comes first.
 */
function burning(
  { serviceName, metrics }: AlertRulesArgs,
  rate: number,
  windows: readonly string[],
): string {
  const increase = (series: string, window: string) => `sum(increase(${series}[${window}]))`;
  const answers = (window: string, ...labels: readonly string[]) =>
    increase(ofService(serviceName, "request_count", ...labels), window);
  // Refused prefetches don't count, because anybody can send any number. `or vector(0)`: a
  // log-based metric has no series before its first entry.
  const faults = (window: string) =>
    `(${answers(window, 'response_code_class="5xx"')} - ` +
    `(${increase(counted(metrics.prefetches), window)} or vector(0)))`;
  const limit = Number((rate * ERROR_BUDGET).toPrecision(3));
  return [
    ...windows.map((window) => `${faults(window)} / ${answers(window)} > ${limit}`),
    `${faults(windows[0] ?? "")} > ${FEWEST_FAULTS}`,
  ].join(" and ");
}
