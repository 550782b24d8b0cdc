import { createApp } from "../../../service/app.ts";
import { application } from "../../../service/application.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { createLog } from "../../../service/process/log.ts";
import { CurrentSession, setSession } from "../../../service/session/currentSession.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { defineSession } from "../../../service/session/sessionHooks.ts";
import { endedHere } from "../../support/endedHere.ts";
import { SECRET, visitorSession } from "../visitor.ts";
import { listen } from "./answer.ts";

/** The whole application with every request signed in, without reading sessions. */
const directory = process.env.SERVICE_DIRECTORY ?? "";
const clock = () => Math.floor(Date.now() / 1000);
const keys = createStaticKeys(SECRET);
const credential = { ...visitorSession(1), iat: clock(), exp: clock() + 604_800 };
const log = createLog({ level: "info" });
const store = { clock, lifetime: 604_800, log, open: () => ({}), keep() {}, onError() {} };
listen(
  createApp({
    log,
    instance: "bench",
    project: undefined,
    keys,
    sealer: createSealer({ keys, environment: "local", clock }),
    sessions(app) {
      defineSession(app);
      app.use((req, res, next) => {
        setSession(req, new CurrentSession(store, req, credential));
        res.locals.session = { session: "ok" };
        next();
      });
    },
    ended: endedHere(clock),
    trustedProxies: 1,
    cookieSecure: false,
    signIn: { oidc: undefined, allowedUsers: [] },
    clock,
    draining: () => false,
    application,
    directory,
  }),
);
