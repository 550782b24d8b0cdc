import { createStaticKeys } from "../../../service/keys/static.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { createSessions } from "../../../service/session/sessions.ts";
import { SECRET } from "../visitor.ts";
import { serveOnExpress } from "./onExpress.ts";

/** The service's own session middleware, and nothing else of it. */
const clock = () => Math.floor(Date.now() / 1000);
const keys = createStaticKeys(SECRET);
serveOnExpress(
  createSessions({
    sessionType: "cookie",
    cookieSecure: false,
    sessionLifetime: 604_800,
    instance: "bench",
    keys,
    sealer: createSealer({ keys, environment: "local", clock }),
    clock,
  }),
);
