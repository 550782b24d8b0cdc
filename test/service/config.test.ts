import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { parseWebConfig } from "../../service/config.ts";
import { ConfigError, type Problem } from "../../service/contract/errors.ts";

const SECRET_KEY = "a secret of more than thirty-two characters";
const LAPTOP = { SECRET_KEY };
const CLOUD_RUN = {
  K_SERVICE: "phoenix-dev",
  PUBLIC_URL: "https://phoenix.example",
  ENVIRONMENT: "dev",
  SECRET_KEY: "sm://acme-phoenix/phoenix-dev-SECRET_KEY",
  SESSION_COOKIE_SECURE: "true",
  ENDED_SESSIONS: "gs://acme-phoenix-phoenix-dev-ended",
};

type Env = Record<string, string | undefined>;

/** The problems of an environment; none if it is valid. */
function problemsOf(env: Env): readonly Problem[] {
  try {
    parseWebConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

function settingsOf(env: Env): string[] {
  return problemsOf(env).map(({ setting }) => setting);
}

test("on a developer's machine only SECRET_KEY is required", () => {
  expect(parseWebConfig(LAPTOP)).toEqual({
    environment: "local",
    project: undefined,
    logLevel: "info",
    port: 8080,
    address: undefined,
    secretKey: { form: "static", secret: SECRET_KEY, fallbacks: [] },
    keyLimits: {
      activationDelay: 1_800,
      refreshInterval: 60,
    },
    sessionType: "cookie",
    cookieSecure: false,
    sessionLifetime: 604_800,
    publicUrl: undefined,
    alsoServedAt: [],
    trustedProxies: 1,
    signIn: { oidc: undefined, allowedUsers: [] },
    endedBucket: undefined,
    endedOutage: "continue",
  });
});

test("DEBUG is refused, because packages would log cookies", () => {
  expect(settingsOf({ ...LAPTOP, DEBUG: "cookie-session" })).toEqual(["DEBUG"]);
});

test("a session lasts seven days unless PERMANENT_SESSION_LIFETIME says otherwise", () => {
  expect(parseWebConfig(LAPTOP).sessionLifetime).toBe(7 * 24 * 60 * 60);
  const env = { ...LAPTOP, PERMANENT_SESSION_LIFETIME: "3600" };
  expect(parseWebConfig(env).sessionLifetime).toBe(3_600);
});

test("the settings that a deployment declares are accepted", () => {
  const env = { ...CLOUD_RUN, GOOGLE_CLOUD_PROJECT: "acme-phoenix", PORT: "8081" };
  expect(parseWebConfig(env)).toMatchObject({
    environment: "dev",
    project: "acme-phoenix",
    port: 8_081,
    secretKey: {
      form: "secretManager",
      secret: { project: "acme-phoenix", name: "phoenix-dev-SECRET_KEY" },
      endpoint: "https://secretmanager.googleapis.com",
    },
    cookieSecure: true,
    endedBucket: {
      name: "acme-phoenix-phoenix-dev-ended",
      endpoint: "https://storage.googleapis.com",
    },
  });
});

test("on Cloud Run the service does not start without ENDED_SESSIONS", () => {
  const [problem, ...others] = problemsOf({ ...CLOUD_RUN, ENDED_SESSIONS: undefined });
  expect(others).toEqual([]);
  expect(problem?.setting).toBe("ENDED_SESSIONS");
  expect(problem?.remedy).toContain("gs://BUCKET");
});

test.each([
  "acme-ended",
  "gs://",
  "gs://acme-ended/",
  "gs://acme-ended/feed",
  "gs://Acme",
  "gs://a",
  "gs://acme.example.com",
  "s3://acme-ended",
])("%s names no bucket", (text) => {
  expect(settingsOf({ ...LAPTOP, ENDED_SESSIONS: text })).toEqual(["ENDED_SESSIONS"]);
});

test("the Cloud Storage endpoint is Google's or on this machine", () => {
  const env = { ...LAPTOP, ENDED_SESSIONS: "gs://ended" };
  const local = { ...env, CLOUD_STORAGE_ENDPOINT: "http://127.0.0.1:8085" };
  expect(parseWebConfig(local).endedBucket?.endpoint).toBe("http://127.0.0.1:8085");
  const elsewhere = { ...env, CLOUD_STORAGE_ENDPOINT: "https://example.com" };
  expect(settingsOf(elsewhere)).toEqual(["CLOUD_STORAGE_ENDPOINT"]);
});

test("ENDED_OUTAGE is continue or refuse", () => {
  const outage = (ENDED_OUTAGE: string) => parseWebConfig({ ...LAPTOP, ENDED_OUTAGE }).endedOutage;
  expect([outage("continue"), outage("refuse")]).toEqual(["continue", "refuse"]);
  expect(settingsOf({ ...LAPTOP, ENDED_OUTAGE: "panic" })).toEqual(["ENDED_OUTAGE"]);
});

test("without SECRET_KEY the service does not start, with the message of the original service", () => {
  for (const env of [{}, { SECRET_KEY: "" }, { SECRET_KEY: undefined }]) {
    const [problem, ...others] = problemsOf(env);
    expect(others).toEqual([]);
    expect(problem?.setting).toBe("SECRET_KEY");
    expect(problem?.cause).toContain("the session is unavailable because no secret key was set");
    expect(problem?.remedy).toContain("openssl rand -base64 48");
  }
});

test("a SECRET_KEY below 32 characters is refused, and one of 32 is accepted", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[!-~]{1,40}$/), (secret) => {
      fc.pre(!/^(sm:|projects)\//i.test(secret));
      expect(settingsOf({ SECRET_KEY: secret })).toEqual(secret.length < 32 ? ["SECRET_KEY"] : []);
    }),
  );
  expect(settingsOf({ SECRET_KEY: "k".repeat(31) })).toEqual(["SECRET_KEY"]);
  expect(settingsOf({ SECRET_KEY: "k".repeat(32) })).toEqual([]);
});

test.each([
  "sm://",
  "sm://acme",
  "sm://acme/",
  "sm:///name",
  "sm://ACME/name",
  "SM://acme/name",
  "sm:/acme/name",
  "sm://acme/name/versions/latest",
  "projects/acme",
  "projects/acme/secrets/name/versions/1",
])("%s names no secret, and is never taken as a value, however long it is", (start) => {
  for (const SECRET_KEY of [start, `${start} and more than thirty-two characters`]) {
    const [problem, ...others] = problemsOf({ SECRET_KEY });
    expect(others).toEqual([]);
    expect(problem?.setting).toBe("SECRET_KEY");
    expect(problem?.remedy).toContain("sm://PROJECT/SECRET");
  }
});

test("a secret's full resource name is accepted", () => {
  const keyOf = (SECRET_KEY: string) => parseWebConfig({ SECRET_KEY }).secretKey;
  expect(keyOf("projects/acme/secrets/a-name-that-is-long-enough-for-a-value")).toEqual(
    keyOf("sm://acme/a-name-that-is-long-enough-for-a-value"),
  );
});

test("SECRET_KEY_FALLBACKS are comma-separated, with or without spaces", () => {
  const [one, two] = ["1".repeat(32), "2".repeat(32)];
  for (const text of [`${one},${two}`, `${one}, ${two}`, ` ${one} ,,${two},`]) {
    expect(parseWebConfig({ ...LAPTOP, SECRET_KEY_FALLBACKS: text }).secretKey).toEqual({
      form: "static",
      secret: SECRET_KEY,
      fallbacks: [one, two],
    });
  }
});

test("a fallback that is too short is refused like the key itself", () => {
  const text = `${"1".repeat(32)}, short`;
  expect(settingsOf({ ...LAPTOP, SECRET_KEY_FALLBACKS: text })).toEqual(["SECRET_KEY_FALLBACKS"]);
  expect(settingsOf({ SECRET_KEY: "short", SECRET_KEY_FALLBACKS: "short" })).toEqual([
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
  ]);
});

test("fallbacks beside sm://PROJECT/SECRET are refused, because they would be ignored", () => {
  const SECRET_KEY_FALLBACKS = "1".repeat(32);
  const [problem] = problemsOf({ SECRET_KEY: "sm://acme/name", SECRET_KEY_FALLBACKS });
  expect(problem?.setting).toBe("SECRET_KEY_FALLBACKS");
  expect(problem?.remedy).toContain("a version");
});

test("the Secret Manager endpoint is Google's or on this machine, because it decides the keys", () => {
  const SECRET_KEY = "sm://acme/name";
  const taken = ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000"];
  for (const SECRET_MANAGER_ENDPOINT of taken) {
    const { secretKey } = parseWebConfig({ SECRET_KEY, SECRET_MANAGER_ENDPOINT });
    expect(secretKey).toMatchObject({ endpoint: SECRET_MANAGER_ENDPOINT.replace(/\/$/, "") });
  }
  const refused = [
    "http://secretmanager.googleapis.com",
    "http://10.0.0.1:9000",
    "https://127.0.0.1:9000",
    "http://localhost.evil.example",
    "http://user@localhost:9000",
    "http://localhost:9000/path",
    "localhost:9000",
  ];
  for (const SECRET_MANAGER_ENDPOINT of refused) {
    const env = { SECRET_KEY, SECRET_MANAGER_ENDPOINT };
    expect([SECRET_MANAGER_ENDPOINT, settingsOf(env)]).toEqual([
      SECRET_MANAGER_ENDPOINT,
      ["SECRET_MANAGER_ENDPOINT"],
    ]);
  }
});

test("SESSION_TYPE unset or None means sealed cookies, filesystem means files", () => {
  const typeOf = (SESSION_TYPE: string | undefined) =>
    parseWebConfig({ ...LAPTOP, SESSION_TYPE }).sessionType;
  expect([typeOf(undefined), typeOf("None"), typeOf("filesystem")]).toEqual([
    "cookie",
    "cookie",
    "filesystem",
  ]);
});

test.each(["", "none", "NONE", "null", "cookie", "redis", "Filesystem", " None"])(
  "SESSION_TYPE=%j is refused",
  (SESSION_TYPE) => {
    expect(settingsOf({ ...LAPTOP, SESSION_TYPE })).toEqual(["SESSION_TYPE"]);
  },
);

test("on Cloud Run SESSION_TYPE=filesystem is refused", () => {
  expect(settingsOf({ ...CLOUD_RUN, SESSION_TYPE: "filesystem" })).toEqual(["SESSION_TYPE"]);
  expect(settingsOf({ ...CLOUD_RUN, SESSION_TYPE: "None" })).toEqual([]);
});

test.each(["", "True", "TRUE", "1", "yes", "on", "false ", "0"])(
  "SESSION_COOKIE_SECURE=%j is refused, not read as one of the two",
  (SESSION_COOKIE_SECURE) => {
    expect(settingsOf({ ...LAPTOP, SESSION_COOKIE_SECURE })).toEqual(["SESSION_COOKIE_SECURE"]);
    expect(settingsOf({ ...CLOUD_RUN, SESSION_COOKIE_SECURE })).toEqual(["SESSION_COOKIE_SECURE"]);
  },
);

// ASVS 3.3.1
test("on Cloud Run the service does not start without Secure cookies", () => {
  for (const SESSION_COOKIE_SECURE of [undefined, "false"]) {
    const [problem, ...others] = problemsOf({ ...CLOUD_RUN, SESSION_COOKIE_SECURE });
    expect(others).toEqual([]);
    expect(problem?.setting).toBe("SESSION_COOKIE_SECURE");
    expect(problem?.remedy).toContain("npx pulumi config set --stack dev sessionCookieSecure true");
    expect(parseWebConfig({ ...LAPTOP, SESSION_COOKIE_SECURE }).cookieSecure).toBe(false);
  }
  expect(parseWebConfig({ ...LAPTOP, SESSION_COOKIE_SECURE: "true" }).cookieSecure).toBe(true);
});

test("on Cloud Run the service does not start without ENVIRONMENT", () => {
  for (const ENVIRONMENT of [undefined, ""]) {
    expect(settingsOf({ ...CLOUD_RUN, ENVIRONMENT })).toEqual(["ENVIRONMENT"]);
  }
});

test("an http provider is accepted on a laptop only, and prod needs an allow list", () => {
  const oidc = {
    OIDC_ISSUER: "http://127.0.0.1:9000",
    OIDC_CLIENT_ID: "an id",
    OIDC_CLIENT_SECRET: "a secret",
  };
  expect(settingsOf({ ...LAPTOP, ...oidc })).toEqual([]);
  expect(settingsOf({ ...CLOUD_RUN, ...oidc, ENVIRONMENT: "prod" })).toEqual([
    "OIDC_ISSUER",
    "ALLOWED_USERS",
  ]);
});

const NUMBERS: readonly [name: string, min: number, max: number][] = [
  ["PORT", 0, 65_535],
  ["PERMANENT_SESSION_LIFETIME", 1, 34_560_000],
  ["KEY_ACTIVATION_DELAY", 1, 86_400],
  ["KEY_REFRESH_INTERVAL", 1, 3_600],
];

test.each(NUMBERS)("%s is a whole number from %d to %d", (name, min, max) => {
  // The other limits are far from the tested value, so that none contradicts it.
  const apart = {
    KEY_ACTIVATION_DELAY: "86400",
    KEY_REFRESH_INTERVAL: "1",
  };
  const env = (text: string) => ({ ...LAPTOP, ...apart, [name]: text });
  for (const text of [min - 1, max + 1, 1.5, "1e3", "0x10", " 1", "+1", "ten", "Infinity", "１"]) {
    const [problem, ...others] = problemsOf(env(String(text)));
    expect([text, problem?.setting, others]).toEqual([text, name, []]);
    expect(problem?.cause).toContain(`from ${min} to ${max}`);
  }
  for (const text of [String(min), String(max), ""]) {
    expect(settingsOf(env(text)).filter((setting) => setting === name)).toEqual(
      // The shortest delay contradicts the interval.
      name === "KEY_ACTIVATION_DELAY" && text === "1" ? [name] : [],
    );
  }
});

test("an unknown LOG_LEVEL is refused with the list of levels", () => {
  const [problem] = problemsOf({ ...LAPTOP, LOG_LEVEL: "verbose" });
  expect(problem).toMatchObject({
    setting: "LOG_LEVEL",
    cause: 'is "verbose", not one of trace, debug, info, warn, error, fatal',
  });
  expect(parseWebConfig({ ...LAPTOP, LOG_LEVEL: "debug" }).logLevel).toBe("debug");
});

test("LISTEN_ADDRESS is an IP address of the machine", () => {
  for (const address of ["127.0.0.1", "::1"]) {
    expect(parseWebConfig({ ...LAPTOP, LISTEN_ADDRESS: address }).address).toBe(address);
  }
  for (const address of ["localhost", "127.0.0.1:80", "127.1", "http://127.0.0.1", " ::1"]) {
    expect(settingsOf({ ...LAPTOP, LISTEN_ADDRESS: address })).toEqual(["LISTEN_ADDRESS"]);
  }
});

const EVERYTHING_WRONG = {
  K_SERVICE: "phoenix-prod",
  PUBLIC_URL: "https://phoenix.example",
  LOG_LEVEL: "loud",
  PORT: "http",
  LISTEN_ADDRESS: "everywhere",
  SECRET_KEY: "hunter2",
  SECRET_KEY_FALLBACKS: "letmein",
  KEY_REFRESH_INTERVAL: "0",
  SESSION_TYPE: "redis",
  SESSION_COOKIE_SECURE: "false",
  PERMANENT_SESSION_LIFETIME: "7d",
  OIDC_CLIENT_SECRET: "opensesame",
  ALLOWED_USERS: "ada",
};

test("all problems are reported at once, each with a cause and a remedy", () => {
  const problems = problemsOf(EVERYTHING_WRONG);
  expect(problems.map(({ setting }) => setting)).toEqual([
    "ENVIRONMENT",
    "LOG_LEVEL",
    "PORT",
    "LISTEN_ADDRESS",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "KEY_REFRESH_INTERVAL",
    "SESSION_TYPE",
    "SESSION_COOKIE_SECURE",
    "PERMANENT_SESSION_LIFETIME",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "ALLOWED_USERS",
    "ENDED_SESSIONS",
  ]);
  for (const { cause, remedy } of problems) {
    expect(cause).toMatch(/^(?:is|has|starts) .*[^.]$/);
    expect(remedy).toMatch(/^(?:Set|Use|Leave|Write) .*[^.]$/);
  }
});

test("problems of the secret's name and of its endpoint are reported together", () => {
  const env = { SECRET_KEY: "sm://acme", SECRET_MANAGER_ENDPOINT: "http://10.0.0.1" };
  expect(settingsOf(env)).toEqual(["SECRET_KEY", "SECRET_MANAGER_ENDPOINT"]);
});

test("no problem contains a secret's value", () => {
  const text = JSON.stringify(problemsOf(EVERYTHING_WRONG));
  for (const secret of ["hunter2", "letmein", "opensesame"]) expect(text).not.toContain(secret);
});

test("the error is a ConfigError whose message starts with the setting's name", () => {
  const expected = { code: "CONFIG_INVALID", message: expect.stringMatching(/^SECRET_KEY is not/) };
  expect(() => parseWebConfig({})).toThrow(expect.objectContaining(expected));
});

test("the number of proxies is a small one, and never none: Cloud Run is one itself", () => {
  expect(parseWebConfig({ ...CLOUD_RUN, TRUSTED_PROXIES: "2" }).trustedProxies).toBe(2);
  for (const TRUSTED_PROXIES of ["0", "10", "true", "-1"]) {
    expect(settingsOf({ ...CLOUD_RUN, TRUSTED_PROXIES })).toEqual(["TRUSTED_PROXIES"]);
  }
});

test("on Cloud Run PUBLIC_URL is required, elsewhere it is optional", () => {
  expect(settingsOf({ ...CLOUD_RUN, PUBLIC_URL: "" })).toEqual(["PUBLIC_URL"]);
  expect(parseWebConfig({ ...LAPTOP, PUBLIC_URL: "http://localhost:8080" }).publicUrl?.origin).toBe(
    "http://localhost:8080",
  );
});

test.each([
  "phoenix.example",
  "http://phoenix.example",
  "https://phoenix.example/path",
  "https://phoenix.example?",
  "https://user@phoenix.example",
  "ftp://phoenix.example",
  "http://localhost:8080",
])("%s is no public URL on Cloud Run", (PUBLIC_URL) => {
  expect(settingsOf({ ...CLOUD_RUN, PUBLIC_URL })).toEqual(["PUBLIC_URL"]);
});

test("ALSO_SERVED_AT is a list of hosts, normalized to lower case", () => {
  expect(parseWebConfig({ ...LAPTOP, ALSO_SERVED_AT: "A.example, b.example:8443" })).toMatchObject({
    alsoServedAt: ["a.example", "b.example:8443"],
  });
  for (const ALSO_SERVED_AT of ["https://a.example", "a.example/path", "a b", "a@b"]) {
    expect(settingsOf({ ...LAPTOP, ALSO_SERVED_AT })).toEqual(["ALSO_SERVED_AT"]);
  }
});
