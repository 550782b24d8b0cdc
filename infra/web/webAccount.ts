import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Output,
  type Resource,
} from "@pulumi/pulumi";
import type { Apis } from "../apis.ts";
import type { EndedSessions } from "../ended/endedSessions.ts";
import type { SessionKey } from "../keys/sessionKey.ts";
import { accountTitle } from "../names.ts";
import { ClientSecret, type ClientSecretArgs } from "./clientSecret.ts";
import type { SecretValue } from "./serviceContainer.ts";

interface WebAccountArgs {
  readonly project: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly accountId: string;
  readonly apis: Apis;
  /** The secret to which SECRET_KEY refers. */
  readonly sessionKey: SessionKey;
  /** The bucket to which ENDED_SESSIONS refers. */
  readonly endedSessions: EndedSessions;
  /** Undefined until sign-in is configured. */
  readonly clientSecret:
    | Pick<ClientSecretArgs, "secretId" | "value" | "locations" | "afterGrant">
    | undefined;
}

/** The account of the web service in all of its regions, and all that it may read and write. */
export class WebAccount extends ComponentResource {
  readonly email: Output<string>;
  /** Undefined until sign-in is configured. */
  readonly clientSecret: SecretValue | undefined;
  /** What an instance needs to start. */
  readonly grants: readonly Resource[];

  constructor(name: string, args: WebAccountArgs, opts?: ComponentResourceOptions) {
    super("infra:web:WebAccount", name, {}, opts);
    const { project, labels, accountId, apis, sessionKey } = args;
    const { email, member } = new Account(
      name,
      {
        project,
        accountId,
        displayName: accountTitle(accountId, "web"),
        // `npm run bootstrap` may have created it, to let only deployments act as it.
        createIgnoreAlreadyExists: true,
      },
      { parent: this, dependsOn: [apis.of("iam")] },
    );
    const clientSecret =
      args.clientSecret &&
      new ClientSecret(
        "oidc-client-secret",
        {
          project,
          labels,
          ...args.clientSecret,
          reader: member,
          secretManagerApi: apis.of("secretmanager"),
        },
        { parent: this },
      );
    this.email = email;
    this.clientSecret = clientSecret?.reference;
    this.grants = [
      sessionKey.secret,
      sessionKey.grant("secretAccessor", { name, member }),
      sessionKey.grant("viewer", { name, member }),
      ...args.endedSessions.grantAdding({ name, member }),
      ...(clientSecret ? [clientSecret.version, clientSecret.grant] : []),
    ];
    this.registerOutputs();
  }
}
