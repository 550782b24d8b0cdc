import { buildArchive } from "../../infra/archive.ts";
import { evaluateStack } from "./declaredStack.ts";

/**
 * `npm run measure`: how long the Pulumi program takes from the start of its process to the
 * registration of its last resource, bundle included, and how much memory it uses at most. All
 * resources are declared; what answers at once is Pulumi's mock monitor.
 */
const { resources } = await evaluateStack(
  "prod",
  {
    "gcp:project": "acme-phoenix",
    "phoenix:allowedUsers": "@acme.example",
    "phoenix:alertEmails": "oncall@acme.example",
    "phoenix:oidcIssuer": "https://accounts.google.com",
    "phoenix:oidcClientId": "client-id",
    "phoenix:oidcClientSecret": "client-secret",
  },
  { buildArchive },
);
const seconds = (performance.now() / 1000).toFixed(2);
const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `${resources.length} resources in ${seconds} s with ${mebibytes} MiB at most\n`,
);
