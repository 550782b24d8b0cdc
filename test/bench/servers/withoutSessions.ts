import { createApp } from "../../../service/app.ts";
import { application } from "../../../service/application.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { createLog } from "../../../service/process/log.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { SECRET, visitorSession } from "../visitor.ts";
import { listen } from "./answer.ts";

/** The whole application with everybody signed in: what it costs without reading sessions. */
const directory = process.env.SERVICE_DIRECTORY ?? "";
const clock = () => Math.floor(Date.now() / 1000);
const keys = createStaticKeys(SECRET);
const session = visitorSession(1);
listen(
  createApp({
    log: createLog({ level: "info" }),
    instance: "bench",
    project: undefined,
    keys,
    sealer: createSealer({ keys, environment: "local", clock }),
    sessions: (req, res, next) => {
      req.session = { ...session };
      res.locals.session = { session: "ok" };
      next();
    },
    cookieSecure: false,
    signIn: { oidc: undefined, allowedUsers: [] },
    clock,
    draining: () => false,
    application,
    directory,
  }),
);
