import { type ErrorCode, OperatorError } from "../../../../service/contract/errors.ts";

/** There is nothing to check: the site can't be reached, or is another one. */
export class SiteError extends OperatorError {}

/** One sentence for each way in which a connection fails, by Node's code. */
const FAILURES: readonly (readonly [RegExp, ErrorCode, (site: URL) => string])[] = [
  [
    /^(ENOTFOUND|EAI_AGAIN|EAI_NODATA)$/,
    "HOST_UNKNOWN",
    ({ hostname }) => `No address is known for ${hostname}: look for a typing mistake in the URL.`,
  ],
  [
    /^ECONNREFUSED$/,
    "CONNECTION_REFUSED",
    ({ host }) =>
      `Nothing listens at ${host}: start the site (on this machine with npm start), or correct the port.`,
  ],
  [
    /^(ETIMEDOUT|UND_ERR_\w*TIMEOUT|TimeoutError|EHOSTUNREACH|ENETUNREACH)$/,
    "NO_ANSWER",
    ({ host }) =>
      `${host} did not answer in time: look whether it runs and can be reached from here, or ` +
      "allow more with --timeout.",
  ],
  [/^CERT_HAS_EXPIRED$/, "TLS", ({ host }) => `The certificate of ${host} has expired: renew it.`],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/,
    "TLS",
    ({ host }) =>
      `Nobody whom this machine trusts vouches for the certificate of ${host}: if it is your ` +
      "own authority's, name it in NODE_EXTRA_CA_CERTS.",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "TLS",
    ({ hostname }) =>
      `The certificate is for another host than ${hostname}: use the name that it is for.`,
  ],
  [
    /^(EPROTO|ERR_SSL_\w+|ERR_TLS_\w+|CERT_\w+)$/,
    "TLS",
    ({ host }) =>
      `${host} and this machine can't agree on TLS: if the site has no https, as on a laptop, write http://.`,
  ],
  [
    /^(HPE_\w+|HTTPParserError)$/,
    "NOT_HTTP",
    ({ host }) => `What listens at ${host} does not speak HTTP: look at scheme and port.`,
  ],
  [
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    "CONNECTION_LOST",
    ({ protocol, host }) =>
      `${host} hung up without an answer` +
      (protocol === "http:" ? ": if it has https only, write https://." : "."),
  ],
];

/** What to say about a request to a site that got no answer. */
export function connectionError(site: URL, error: unknown): SiteError {
  const code = failureCode(error);
  for (const [pattern, name, sentence] of FAILURES) {
    if (pattern.test(code)) return new SiteError(name, sentence(site), { cause: error });
  }
  const why = code || innermost(error);
  return new SiteError(
    "NO_ANSWER",
    `${site.host} can't be asked (${why}): look at the URL, and whether a browser can open it.`,
    { cause: error },
  );
}

/** fetch wraps what happened, and several addresses that failed come in one error. */
function failureCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { name, code, cause, errors } = error as Partial<NodeJS.ErrnoException & AggregateError>;
  if (typeof code === "string") return code;
  if (name === "TimeoutError" || name === "HTTPParserError") return name;
  return failureCode(cause ?? errors?.[0]);
}

/** What the error says that all others wrap. */
function innermost(error: unknown): string {
  const { cause, message = String(error) } = (error ?? {}) as Partial<Error>;
  return cause === undefined ? message : innermost(cause);
}
