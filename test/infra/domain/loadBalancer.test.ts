import { expect, test } from "@jest/globals";
import { withoutZeros } from "../../support/googleJson.ts";
import { ALERTS, declared, idOf, input, SIGN_IN, variable, WEB } from "../select.ts";

const DOMAIN = { "phoenix:domain": "phoenix.acme.example" };
const compute = (kind: string, name: string) =>
  `gcp:compute/${kind.charAt(0).toLowerCase()}${kind.slice(1)}:${kind} ${name}`;
const manager = (kind: string) =>
  `gcp:certificatemanager/${kind.charAt(0).toLowerCase()}${kind.slice(1)}:${kind} domain`;

test("without a domain no resource of it is declared", async () => {
  const { resources, outputs, get } = await declared("prod");
  expect(resources.filter(({ type }) => /compute|certificatemanager|domain/.test(type))).toEqual(
    [],
  );
  expect(get(WEB).inputs.ingress).toBe("INGRESS_TRAFFIC_ALL");
  expect(get(WEB).inputs).not.toHaveProperty("defaultUriDisabled");
  expect([outputs.address, outputs.dnsRecords]).toEqual(["", ""]);
  expect(resources.some(({ inputs }) => inputs.service === "compute.googleapis.com")).toBe(false);
});

test("the load balancer routes to the service only", async () => {
  const { get, ofType } = await declared("prod", DOMAIN);
  expect(ofType("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup")).toHaveLength(
    1,
  );
  expect(get(compute("RegionNetworkEndpointGroup", "domain-europe-west1")).inputs).toMatchObject({
    region: "europe-west1",
    networkEndpointType: "SERVERLESS",
    cloudRun: { service: "phoenix-prod" },
  });
  const backend = get(compute("BackendService", "domain")).inputs;
  expect(backend).toMatchObject({
    loadBalancingScheme: "EXTERNAL_MANAGED",
    logConfig: { enable: true, sampleRate: 1 },
    backends: [
      {
        group:
          "projects/acme-phoenix/regions/europe-west1/networkEndpointGroups/phoenix-prod-europe-west1",
      },
    ],
  });
  // Google refuses both for serverless backends.
  expect(backend).not.toHaveProperty("healthChecks");
  expect(backend).not.toHaveProperty("timeoutSec");
  expect(get(compute("URLMap", "domain")).inputs.defaultService).toBe(
    "projects/acme-phoenix/global/backendServices/phoenix-prod",
  );
});

test("one address serves https with TLS 1.2 or newer, and redirects http to https", async () => {
  const { get } = await declared("prod", DOMAIN);
  for (const [name, portRange, target] of [
    ["domain-https", "443", "targetHttpsProxies/phoenix-prod"],
    ["domain-http", "80", "targetHttpProxies/phoenix-prod-redirect"],
  ]) {
    expect(get(compute("GlobalForwardingRule", String(name))).inputs).toMatchObject({
      loadBalancingScheme: "EXTERNAL_MANAGED",
      ipAddress: "203.0.113.10",
      portRange,
      target: `projects/acme-phoenix/global/${target}`,
    });
  }
  expect(get(compute("TargetHttpsProxy", "domain")).inputs).toMatchObject({
    urlMap: "projects/acme-phoenix/global/urlMaps/phoenix-prod",
    sslPolicy: "projects/acme-phoenix/global/sslPolicies/phoenix-prod",
    certificateMap:
      "//certificatemanager.googleapis.com/projects/acme-phoenix/locations/global/certificateMaps/phoenix-prod",
  });
  expect(get("gcp:compute/sSLPolicy:SSLPolicy domain").inputs).toMatchObject({
    minTlsVersion: "TLS_1_2",
    profile: "MODERN",
  });
  expect(get("gcp:compute/uRLMap:URLMap domain-redirect").inputs).toMatchObject({
    defaultUrlRedirect: {
      httpsRedirect: true,
      hostRedirect: "phoenix.acme.example",
      redirectResponseCode: "MOVED_PERMANENTLY_DEFAULT",
    },
  });
});

test("the certificate uses DNS authorization, and a change of the domain creates the new one first", async () => {
  const { get, before } = await declared("prod", DOMAIN);
  const name = String(get(manager("DnsAuthorization")).inputs.name);
  expect(get(manager("DnsAuthorization")).inputs).toMatchObject({
    domain: "phoenix.acme.example",
    type: "PER_PROJECT_RECORD",
  });
  expect(get(manager("Certificate")).inputs.managed).toEqual({
    domains: ["phoenix.acme.example"],
    dnsAuthorizations: [`projects/acme-phoenix/locations/global/dnsAuthorizations/${name}`],
  });
  expect(get(manager("CertificateMapEntry")).inputs).toMatchObject({
    map: "phoenix-prod",
    hostname: "phoenix.acme.example",
    certificates: [`projects/acme-phoenix/locations/global/certificates/${name}`],
  });
  expect(before(compute("TargetHttpsProxy", "domain"))).toContain(manager("CertificateMapEntry"));

  const other = await declared("prod", { "phoenix:domain": "www.acme.example" });
  for (const kind of ["DnsAuthorization", "Certificate", "CertificateMapEntry"]) {
    expect(other.get(manager(kind)).inputs.name).not.toBe(name);
  }
  // The address is unchanged.
  const kept = (stack: typeof other) => [
    get(manager("CertificateMap")).inputs,
    stack.get(compute("TargetHttpsProxy", "domain")).inputs,
    stack.get(compute("GlobalAddress", "domain")).inputs,
  ];
  expect(kept(other)).toEqual(kept(await declared("prod", DOMAIN)));
});

test("requests of one IP address are rate-limited", async () => {
  const { get } = await declared("prod", { ...DOMAIN, "phoenix:requestsPerMinute": "120" });
  const policy = get(compute("SecurityPolicy", "domain"));
  expect(get(compute("BackendService", "domain")).inputs.securityPolicy).toBe(
    "projects/acme-phoenix/global/securityPolicies/phoenix-prod",
  );
  const everyone = { versionedExpr: "SRC_IPS_V1", config: { srcIpRanges: ["*"] } };
  expect(policy.inputs.rules).toEqual([
    expect.objectContaining({
      action: "throttle",
      match: everyone,
      rateLimitOptions: {
        enforceOnKey: "IP",
        rateLimitThreshold: { count: 120, intervalSec: 60 },
        conformAction: "allow",
        exceedAction: "deny(429)",
      },
    }),
    expect.objectContaining({ priority: 2_147_483_647, action: "allow", match: everyone }),
  ]);
});

test("the service accepts requests from the load balancer only", async () => {
  const { get, ofType } = await declared("prod", DOMAIN);
  expect(get(WEB).inputs).toMatchObject({
    ingress: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    defaultUriDisabled: true,
    customAudiences: ["https://phoenix.acme.example"],
  });
  const rotator = ofType("gcp:cloudrunv2/service:Service").find(({ name }) => name === "rotator");
  expect(rotator?.inputs.ingress).toBe("INGRESS_TRAFFIC_INTERNAL_ONLY");
  expect(rotator?.inputs).not.toHaveProperty("defaultUriDisabled");
});

test("everything that contains the address follows the domain", async () => {
  const { get, outputs } = await declared("prod", { ...DOMAIN, ...SIGN_IN, ...ALERTS });
  expect(variable(get(WEB), "PUBLIC_URL")).toBe("https://phoenix.acme.example");
  // The load balancer's address is the last of X-Forwarded-For, and not the client's.
  expect(variable(get(WEB), "TRUSTED_PROXIES")).toBe("2");
  expect(outputs).toMatchObject({
    url: "https://phoenix.acme.example",
    address: "203.0.113.10",
    signInRedirectUri: "https://phoenix.acme.example/login/callback",
    postLogoutRedirectUri: "https://phoenix.acme.example/signed-out",
  });
  expect(
    input(
      get("gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig uptime"),
      "monitoredResource.labels.host",
    ),
  ).toBe("phoenix.acme.example");
});

test("the output dnsRecords is in zone file format", async () => {
  const { outputs } = await declared("prod", DOMAIN);
  expect(outputs.dnsRecords).toBe(
    [
      "phoenix.acme.example. 300 IN A 203.0.113.10",
      "_acme-challenge_ujmmovf2vn55tgye.phoenix.acme.example. 300 IN CNAME d3e4c8b7.4.authorize.certificatemanager.goog.",
    ].join("\n"),
  );
});

test("no input has a zero value, which Google's response would omit, except where the provider needs it", async () => {
  const { resources } = await declared("prod", DOMAIN);
  const own = resources.filter(({ type }) => /^gcp:(compute|certificatemanager)\//.test(type));
  expect(own).toHaveLength(15);
  for (const resource of own) {
    const { defaultUrlRedirect, ...inputs } = resource.inputs;
    const { stripQuery, ...redirect } = (defaultUrlRedirect ?? {}) as Record<string, unknown>;
    expect([idOf(resource), withoutZeros({ ...inputs, redirect })]).toEqual([
      idOf(resource),
      { ...inputs, redirect },
    ]);
  }
});

test("names are valid for Compute Engine, however long the product's, the stack's and the region's are", async () => {
  const { resources } = await declared("prod", {
    ...DOMAIN,
    "gcp:region": "northamerica-northeast2",
  });
  // infra/config/placement.ts allows this length for product and stack together.
  const longest = 30 - "phoenix-prod".length;
  for (const { type, inputs } of resources) {
    if (!/^gcp:(compute|certificatemanager)\//.test(type)) continue;
    expect(inputs.name).toMatch(/^phoenix-prod(-[a-z0-9-]*[a-z0-9])?$/);
    expect(String(inputs.name).length + longest).toBeLessThanOrEqual(63);
  }
});
