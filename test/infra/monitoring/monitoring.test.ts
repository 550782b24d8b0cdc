import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { LOG_EVENTS, LOG_FIELDS, LOST_SESSIONS } from "../../../service/contract/logEvents.ts";
import type { Opened } from "../../../service/session/sealer.ts";
import type { SessionReport } from "../../../service/session/session.ts";
import { ALERTS, declared, input } from "../select.ts";

const POLICY = "gcp:monitoring/alertPolicy:AlertPolicy";
const METRIC = "gcp:logging/metric:Metric";
const CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel";
const UPTIME = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig";

const QUERY = "conditions.0.conditionPrometheusQueryLanguage";

test("without e-mail addresses there are metrics and a dashboard, but no alerts", async () => {
  const { ofType } = await declared("prod");
  expect([ofType(POLICY), ofType(CHANNEL), ofType(UPTIME)]).toEqual([[], [], []]);
  expect(ofType(METRIC)).toHaveLength(5);
  expect(ofType("gcp:monitoring/dashboard:Dashboard")).toHaveLength(1);
});

test("every address gets every alert", async () => {
  const { ofType } = await declared("prod", ALERTS);
  expect(ofType(CHANNEL).map((channel) => input(channel, "labels.email_address"))).toEqual([
    "oncall@acme.example",
    "ada@acme.example",
  ]);
  for (const policy of ofType(POLICY)) {
    expect(policy.inputs.notificationChannels).toEqual([
      "oncall@acme.example-id",
      "ada@acme.example-id",
    ]);
  }
});

test("existing channels get alerts too, even without addresses", async () => {
  const channels = "projects/acme/notificationChannels/1, projects/acme/notificationChannels/2";
  const { ofType } = await declared("prod", { "phoenix:alertChannels": channels });
  expect(ofType(CHANNEL)).toEqual([]);
  expect(ofType(POLICY).length).toBeGreaterThan(5);
  for (const policy of ofType(POLICY)) {
    expect(policy.inputs.notificationChannels).toEqual(channels.split(", "));
  }
});

test("exactly these alerts exist, each with advice", async () => {
  const { ofType } = await declared("prod", ALERTS);
  expect(
    ofType(POLICY)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual([
    "ended-list-stale",
    "errors-fast",
    "errors-slow",
    "key-ring-stale",
    "key-skipped",
    "keys-not-ready",
    "keys-unavailable",
    "old-key",
    "rotation-dead-letters",
    "sessions-refused",
    "unreachable",
  ]);
  for (const policy of ofType(POLICY)) {
    expect(String(input(policy, "documentation.content")).length).toBeGreaterThan(60);
  }
});

test("an alert can be created before its metric has data", async () => {
  const { ofType } = await declared("prod", ALERTS);
  const queries = ofType(POLICY).filter(({ name }) => name !== "unreachable");
  for (const policy of queries) {
    expect([policy.name, input(policy, `${QUERY}.disableMetricValidation`)]).toEqual([
      policy.name,
      true,
    ]);
    const lasting = Number.parseInt(String(input(policy, `${QUERY}.duration`)), 10);
    // Google's JSON may omit a zero, which each `up` would then add again.
    expect([policy.name, lasting > 0 && lasting % 30 === 0]).toEqual([policy.name, true]);
  }
});

test("sessions are counted by outcome, and those without a key raise an alert", async () => {
  const { get } = await declared("prod", ALERTS);
  const metric = get(`${METRIC} sessions`);
  expect(metric.inputs).toMatchObject({
    name: "phoenix_prod_sessions",
    filter:
      'resource.type="cloud_run_revision" AND resource.labels.service_name="phoenix-prod" AND jsonPayload.session:*',
    labelExtractors: { outcome: "EXTRACT(jsonPayload.session)" },
    metricDescriptor: { metricKind: "DELTA", valueType: "INT64" },
  });
  expect(input(get(`${POLICY} sessions-refused`), `${QUERY}.query`)).toContain(
    'logging_googleapis_com:user_phoenix_prod_sessions{monitored_resource="cloud_run_revision",outcome=~"unknown_key|retired_key"}',
  );
  expect(input(get(`${POLICY} keys-unavailable`), `${QUERY}.query`)).toContain(
    'outcome=~"key_unavailable"}',
  );
});

test("no alert that forged cookies can raise is critical", async () => {
  const { get, ofType } = await declared("prod", ALERTS);
  const critical = ofType(POLICY).filter(({ inputs }) => inputs.severity === "CRITICAL");
  expect(critical.map(({ name }) => name).toSorted()).toEqual([
    "errors-fast",
    "keys-not-ready",
    "keys-unavailable",
    "unreachable",
  ]);
  for (const policy of critical) {
    expect(String(input(policy, `${QUERY}.query`))).not.toMatch(/unknown_key|retired_key/);
  }
  // A lookup of an invented key ID can fail by chance; refreshes that fail this long are an outage.
  const unavailable = get(`${POLICY} keys-unavailable`);
  expect(String(input(unavailable, `${QUERY}.query`))).toMatch(
    /key_unavailable.* and on\(\) .*event="key_ring_stale"}\[5m\]\)\) > 0$/,
  );
  expect(input(unavailable, `${QUERY}.duration`)).toBe("420s");
});

test("errors raise an alert if the budget is spent too fast in both a long and a short window", async () => {
  const { get } = await declared("prod", ALERTS);
  const query = (name: string) => String(input(get(`${POLICY} ${name}`), `${QUERY}.query`));
  const windows = (name: string) => [...query(name).matchAll(/\[(\w+)\]/g)].map(([, w]) => w);
  const limits = (name: string) => [...query(name).matchAll(/> ([\d.]+)/g)].map(([, n]) => n);
  expect(windows("errors-fast")).toEqual(["1h", "1h", "1h", "5m", "5m", "5m", "1h", "1h"]);
  expect(limits("errors-fast")).toEqual(["0.0144", "0.0144", "10"]);
  expect(windows("errors-slow")).toEqual(["6h", "6h", "6h", "30m", "30m", "30m", "6h", "6h"]);
  expect(limits("errors-slow")).toEqual(["0.006", "0.006", "10"]);
});

test("refused prefetches, which anybody can send, don't count as errors", async () => {
  const { get } = await declared("prod", ALERTS);
  expect(get(`${METRIC} prefetches`).inputs.filter).toBe(
    'resource.type="cloud_run_revision" AND resource.labels.service_name="phoenix-prod"' +
      ' AND jsonPayload.event="prefetch_refused" AND NOT jsonPayload.aborted=true',
  );
  const series = (metric: string, ...labels: string[]) =>
    `${metric}{${['monitored_resource="cloud_run_revision"', ...labels].join()}}`;
  const requests = series(
    "run_googleapis_com:request_count",
    'service_name="phoenix-prod"',
    'response_code_class="5xx"',
  );
  const prefetches = series("logging_googleapis_com:user_phoenix_prod_prefetches");
  for (const [name, ...windows] of [
    ["errors-fast", "1h", "5m"],
    ["errors-slow", "6h", "30m"],
  ]) {
    let query = String(input(get(`${POLICY} ${name}`), `${QUERY}.query`));
    for (const window of windows) {
      const faults =
        `(sum(increase(${requests}[${window}])) - ` +
        `(sum(increase(${prefetches}[${window}])) or vector(0)))`;
      expect(query).toContain(faults);
      query = query.replaceAll(faults, "");
    }
    expect(query).not.toContain("5xx");
  }
});

test("the alert explains each outcome, and how to restore a key", async () => {
  const { get } = await declared("prod", ALERTS);
  const advice = String(input(get(`${POLICY} sessions-refused`), "documentation.content"));
  const paragraphs = advice.split("\n\n");
  expect(paragraphs.map((text) => text.split(":")[0])).toEqual(["`unknown_key`", "`retired_key`"]);
  expect([...LOST_SESSIONS].toSorted()).toEqual(["key_unavailable", "retired_key", "unknown_key"]);
  const of = (outcome: string) => paragraphs.find((text) => text.startsWith(`\`${outcome}\``));
  expect(of("unknown_key")).not.toMatch(/destroyed|disabled|enable/);
  expect(of("retired_key")).toMatch(/--compromised/);
  expect(of("retired_key")).toContain(
    "`gcloud secrets versions enable N --secret phoenix-prod-SECRET_KEY --project acme-phoenix`",
  );
});

test("each command in an alert's advice has a stack or project", async () => {
  const { ofType } = await declared("prod", ALERTS);
  const commands = ofType(POLICY).flatMap((policy) =>
    [
      ...String(input(policy, "documentation.content")).matchAll(/`((?:npm|npx|gcloud) [^`]+)`/g),
    ].map(([, command = ""]) => command),
  );
  expect(commands.length).toBeGreaterThan(5);
  for (const command of commands) {
    expect(command).toMatch(
      command.startsWith("gcloud") ? / --project acme-phoenix\b/ : / --stack prod\b/,
    );
  }
});

test("each label that a filter extracts is in the metric's descriptor", async () => {
  const { ofType } = await declared("prod");
  for (const metric of ofType(METRIC)) {
    const described = (input(metric, "metricDescriptor.labels") ?? []) as { key: string }[];
    expect(described.map(({ key }) => key)).toEqual(
      Object.keys((metric.inputs.labelExtractors ?? {}) as object),
    );
  }
});

test.each([
  ["30d", 45 * 24 * 3600],
  ["12h", 18 * 3600],
])("with a rotation every %s, a key is too old after %i seconds", async (period, age) => {
  const { get } = await declared("prod", { "phoenix:rotationPeriod": period });
  expect(String(get(`${METRIC} old_keys`).inputs.filter)).toMatch(
    `jsonPayload.event="key_ring_refreshed" AND jsonPayload.newest_key_age>${age}`,
  );
});

test("without a schedule there are no alerts about old keys and dead letters", async () => {
  const { ofType } = await declared("prod", { ...ALERTS, "phoenix:rotationPeriod": "" });
  const names = [...ofType(METRIC), ...ofType(POLICY)].map(({ name }) => name);
  expect(names).not.toContain("old_keys");
  expect(names).not.toContain("old-key");
  expect(names).not.toContain("rotation-dead-letters");
});

test("a public service has an uptime check", async () => {
  const { get } = await declared("prod", ALERTS);
  expect(get(`${UPTIME} uptime`).inputs).toMatchObject({
    httpCheck: { path: "/health/ready", useSsl: true, validateSsl: true },
    monitoredResource: {
      type: "uptime_url",
      labels: { host: "phoenix-prod-123456789012.europe-west1.run.app" },
    },
  });
  expect(input(get(`${UPTIME} uptime`), "httpCheck.serviceAgentAuthentication")).toBeUndefined();
});

test("with a domain the alert starts after the first successful check, because DNS may be set later", async () => {
  const plain = (await declared("prod", ALERTS)).get(`${POLICY} unreachable`);
  expect([plain.inputs.combiner, (plain.inputs.conditions as unknown[]).length]).toEqual(["OR", 1]);

  const { get } = await declared("prod", { ...ALERTS, "phoenix:domain": "phoenix.acme.example" });
  const policy = get(`${POLICY} unreachable`);
  expect(policy.inputs.combiner).toBe("AND");
  const [fails, succeeded] = policy.inputs.conditions as {
    conditionThreshold: Record<string, unknown>;
  }[];
  expect([fails]).toEqual(plain.inputs.conditions);
  expect(succeeded?.conditionThreshold).toMatchObject({
    filter: fails?.conditionThreshold.filter,
    comparison: "COMPARISON_GT",
    thresholdValue: 1,
    aggregations: [{ perSeriesAligner: "ALIGN_COUNT_TRUE", crossSeriesReducer: "REDUCE_SUM" }],
  });
  // https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#aggregation
  const seconds = (path: string) => Number.parseInt(String(input(policy, path)), 10);
  const condition = "conditions.1.conditionThreshold";
  const period = seconds(`${condition}.aggregations.0.alignmentPeriod`);
  expect(period).toBeGreaterThan(3600);
  expect(period + seconds(`${condition}.duration`)).toBeLessThanOrEqual(25 * 3600);
});

test("the uptime check of a private service sends a token of Monitoring's agent, which is granted access first", async () => {
  const { get, before } = await declared("prod", { ...ALERTS, "phoenix:publicAccess": "private" });
  expect(input(get(`${UPTIME} uptime`), "httpCheck.serviceAgentAuthentication")).toEqual({
    type: "OIDC_TOKEN",
  });
  const grant = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember web-europe-west1-uptime";
  expect(get(grant).inputs).toMatchObject({
    name: "phoenix-prod",
    role: "roles/run.invoker",
    member:
      "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
  });
  expect(before(`${UPTIME} uptime`)).toContain(grant);
});

test("the dashboard is JSON whose tiles don't overlap", async () => {
  const { get } = await declared("prod");
  const { displayName, mosaicLayout } = JSON.parse(
    String(get("gcp:monitoring/dashboard:Dashboard dashboard").inputs.dashboardJson),
  );
  expect(displayName).toBe("phoenix-prod");
  const places = mosaicLayout.tiles.map(({ xPos = 0, yPos = 0 }) => `${xPos},${yPos}`);
  expect(new Set(places).size).toBe(places.length);
  for (const { xPos = 0, width } of mosaicLayout.tiles) {
    expect(xPos + width).toBeLessThanOrEqual(mosaicLayout.columns);
  }
});

test("the log events of alerts are those that the service writes", () => {
  // The compiler checks these two.
  const outcomes: readonly Opened["outcome"][] = LOST_SESSIONS;
  const field: keyof SessionReport = LOG_FIELDS.session;
  expect([field, ...outcomes]).toEqual([
    "session",
    "unknown_key",
    "retired_key",
    "key_unavailable",
  ]);
  const folder = join(import.meta.dirname, "../../../service");
  const source = globSync("**/*.ts", { cwd: folder })
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
  for (const [name, event] of Object.entries(LOG_EVENTS)) {
    expect(source).toMatch(new RegExp(`event: ("${event}"|LOG_EVENTS\\.${name})`));
  }
  expect(source).toContain(`${LOG_FIELDS.newestKeyAge}: `);
});
