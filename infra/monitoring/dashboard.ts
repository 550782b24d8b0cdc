import type { MetricNames } from "./logMetrics.ts";
import { counted, ofService, undelivered } from "./promql.ts";

interface DashboardArgs {
  readonly title: string;
  readonly serviceName: string;
  /** Whether the service is in several regions. */
  readonly byRegion: boolean;
  readonly metrics: MetricNames;
  /** Name of the dead letters' subscription; undefined without a rotation schedule. */
  readonly deadLetters: string | undefined;
}

interface Chart {
  readonly title: string;
  readonly query: string;
  readonly kind: "LINE" | "STACKED_AREA" | "STACKED_BAR";
}

/** Columns of Cloud Monitoring's mosaic layout, and the columns and rows of one chart. */
const COLUMNS = 48;
const CHART = { width: 24, height: 16 };

/**
 * The dashboard as JSON:
 * https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards
 */
export function dashboardJson(args: DashboardArgs): string {
  const charts = chartsOf(args);
  const perRow = COLUMNS / CHART.width;
  return JSON.stringify({
    displayName: args.title,
    mosaicLayout: {
      columns: COLUMNS,
      tiles: charts.map((chart, index) => ({
        ...position((index % perRow) * CHART.width, Math.floor(index / perRow) * CHART.height),
        ...CHART,
        widget: {
          title: chart.title,
          xyChart: {
            dataSets: [
              {
                plotType: chart.kind,
                targetAxis: "Y1",
                timeSeriesQuery: { prometheusQuery: chart.query },
              },
            ],
          },
        },
      })),
    },
  });
}

/** Google's JSON omits zeros. With them here, every `up` would see a change. */
function position(xPos: number, yPos: number): { xPos?: number; yPos?: number } {
  return { ...(xPos > 0 && { xPos }), ...(yPos > 0 && { yPos }) };
}

function chartsOf({ serviceName, byRegion, metrics, deadLetters }: DashboardArgs): Chart[] {
  const run = (metric: string) => ofService(serviceName, metric);
  const latency = (quantile: number) =>
    `histogram_quantile(${quantile}, sum by (le) (increase(${run("request_latencies_bucket")}[5m])))`;
  return [
    {
      title: "Sessions by outcome",
      query: `sum by (outcome) (increase(${counted(metrics.sessions)}[5m]))`,
      kind: "STACKED_BAR",
    },
    {
      title: "Key failures by event",
      query: `sum by (event) (increase(${counted(metrics.keyTrouble)}[5m]))`,
      kind: "STACKED_BAR",
    },
    {
      title: "Failures of the list of ended sessions, by event",
      query: `sum by (event) (increase(${counted(metrics.endedTrouble)}[5m]))`,
      kind: "STACKED_BAR",
    },
    {
      title: "Requests per second by response class",
      query: `sum by (response_code_class) (rate(${run("request_count")}[5m]))`,
      kind: "STACKED_AREA",
    },
    { title: "Latency, median (ms)", query: latency(0.5), kind: "LINE" },
    { title: "Latency, 99th percentile (ms)", query: latency(0.99), kind: "LINE" },
    {
      title: "Instances by state",
      query: `sum by (state) (${run("container_instance_count")})`,
      kind: "STACKED_AREA",
    },
    {
      title: "Requests per second by revision",
      query: `sum by (revision_name) (rate(${run("request_count")}[5m]))`,
      kind: "STACKED_AREA",
    },
    ...(byRegion
      ? [
          {
            title: "Requests per second by region",
            query: `sum by (location) (rate(${run("request_count")}[5m]))`,
            kind: "STACKED_AREA" as const,
          },
          {
            title: "Instances by region",
            query: `sum by (location) (${run("container_instance_count")})`,
            kind: "STACKED_AREA" as const,
          },
        ]
      : []),
    ...(deadLetters === undefined
      ? []
      : [
          {
            title: "Rotations that failed for good",
            query: undelivered(deadLetters),
            kind: "LINE" as const,
          },
        ]),
  ];
}
