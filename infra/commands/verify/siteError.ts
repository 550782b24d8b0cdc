import { type ErrorCode, OperatorError } from "../../../service/contract/errors.ts";

/** The site can't be reached, or another service answers. */
export class SiteError extends OperatorError {}

/** Messages by the URL's protocol and Node's error code, as in `https: ECONNRESET`. */
const FAILURES: readonly (readonly [cause: RegExp, code: ErrorCode, message: string])[] = [
  [
    / (ENOTFOUND|EAI_AGAIN|EAI_NODATA)$/,
    "HOST_UNKNOWN",
    "No address is known for HOSTNAME: look for a typing mistake in the URL.",
  ],
  [
    / ECONNREFUSED$/,
    "CONNECTION_REFUSED",
    "Nothing listens at HOST: start the site (on this machine with npm start), or correct the port.",
  ],
  [
    / (ETIMEDOUT|UND_ERR_\w*TIMEOUT|TimeoutError|EHOSTUNREACH|ENETUNREACH)$/,
    "NO_ANSWER",
    "HOST did not answer in time: look whether it runs, or allow more with --timeout.",
  ],
  [/ CERT_HAS_EXPIRED$/, "TLS", "The certificate of HOST has expired: renew it."],
  [
    / (DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/,
    "TLS",
    "This machine doesn't trust the certificate of HOST: if it is your own authority's, name it in NODE_EXTRA_CA_CERTS.",
  ],
  [
    / ERR_TLS_CERT_ALTNAME_INVALID$/,
    "TLS",
    "The certificate is for another host than HOSTNAME: use the name that it is for.",
  ],
  [
    / (EPROTO|ERR_SSL_\w+|ERR_TLS_\w+|CERT_\w+)$/,
    "TLS",
    "HOST and this machine can't agree on TLS: if the site has no https, as on a laptop, write http://.",
  ],
  [
    / (HPE_\w+|HTTPParserError)$/,
    "NOT_HTTP",
    "What listens at HOST does not speak HTTP: look at scheme and port.",
  ],
  [
    /^https: (ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    "CONNECTION_LOST",
    "HOST hung up: if its certificate is new, Google may not have issued it yet, for which the domain needs its DNS records.",
  ],
  [
    /^http: (ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    "CONNECTION_LOST",
    "HOST hung up without an answer: if it has https only, write https://.",
  ],
];

/** The error for a request that got no answer. */
export function connectionError({ protocol, host, hostname }: URL, error: unknown): SiteError {
  const failure = failureCode(error);
  const [, code, message] = FAILURES.find(([cause]) => cause.test(`${protocol} ${failure}`)) ?? [
    failure,
    "NO_ANSWER",
    `HOST can't be asked (${failure || innermost(error)}): look at the URL, and whether a browser can open it.`,
  ];
  const text = message.replace("HOSTNAME", hostname).replace("HOST", host);
  return new SiteError(code, text, { cause: error });
}

/**
 * The code of the underlying error: fetch wraps it, and several addresses are one AggregateError.
 */
function failureCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { name, code, cause, errors } = error as Partial<NodeJS.ErrnoException & AggregateError>;
  if (typeof code === "string") return code;
  if (name === "TimeoutError" || name === "HTTPParserError") return name;
  return failureCode(cause ?? errors?.[0]);
}

/** The message of the innermost `cause`. */
function innermost(error: unknown): string {
  const { cause, message = String(error) } = (error ?? {}) as Partial<Error>;
  return cause === undefined ? message : innermost(cause);
}
