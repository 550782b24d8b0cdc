import { parseUser } from "../../service/contract/emailAddress.ts";
import { shown } from "../../service/pure/printable.ts";
import type { Settings } from "./settings.ts";

/** The stack's own domain, and what only a stack with one has. */
export interface DomainConfig {
  /** Host name in ASCII, such as `phoenix.acme.example`; undefined: Cloud Run's address is used. */
  readonly domain: string | undefined;
  /** Requests a minute that the load balancer lets through from one IP address. */
  readonly requestsPerMinute: number;
}

export function parseDomainSettings(settings: Settings): DomainConfig {
  return {
    domain: parseDomain(settings),
    requestsPerMinute: settings.integer("requestsPerMinute", 60, 1_000_000),
  };
}

function parseDomain(settings: Settings): string | undefined {
  const setting = "domain";
  const text = settings.text(setting);
  if (text === "") return undefined;
  const domain = comparable(text);
  if (domain === undefined) {
    const meant = comparable(hostIn(text));
    settings.report(
      setting,
      `is ${shown(text)}, not a domain such as phoenix.acme.example`,
      meant === undefined
        ? settings.setLike(setting, "DOMAIN", "phoenix.acme.example")
        : settings.setTo(setting, meant),
    );
  } else if (/(^|\.)run\.app$/.test(domain)) {
    settings.report(
      setting,
      `is ${domain}, which is Cloud Run's address and not a domain of your own`,
      settings.remove(setting),
    );
  }
  return domain;
}

/** The domain in ASCII; undefined if it could not exist in DNS, or browsers take it for another. */
function comparable(text: string): string | undefined {
  const domain = parseUser(`@${text}`)?.slice(1);
  return URL.parse(`https://${domain}/`)?.hostname === domain ? domain : undefined;
}

/** What is probably meant by a URL, a host with a port, a wildcard, or a name with a final dot. */
function hostIn(text: string): string {
  return text.replace(/^(https?:\/\/)?(\*\.)?/i, "").replace(/\.?(:\d*)?(\/.*)?$/s, "");
}
