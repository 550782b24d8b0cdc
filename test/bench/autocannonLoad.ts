import { readFileSync } from "node:fs";
import autocannon from "autocannon";
import { percentile } from "./statistics.ts";

/**
 * Runs autocannon in a process of its own: arguments are URL, connections, seconds and a file of
 * cookies (optional); prints figures as JSON. autocannon's own percentiles are whole milliseconds.
 */
const [url = "", connections = "1", seconds = "1", file] = process.argv.slice(2);
const cookies = file ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
const latencies: number[] = [];
let client = 0;

const running = autocannon(
  {
    url,
    connections: Number(connections),
    duration: Number(seconds),
    setupClient(each) {
      const own = cookies.filter((_, index) => index % Number(connections) === client);
      client += 1;
      if (own.length > 0) each.setRequests(own.map((cookie) => ({ headers: { cookie } })));
    },
  },
  (error, result) => {
    if (error) throw error;
    const figures = {
      requests: result.requests.total,
      seconds: result.duration,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      failures: result.errors + result.timeouts + result.non2xx,
    };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  },
);
running.on(
  "response",
  (_client: unknown, _status: number, _bytes: number, milliseconds: number) => {
    latencies.push(milliseconds);
  },
);
