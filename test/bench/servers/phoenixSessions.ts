import { createStaticKeys } from "../../../service/keys/static.ts";
import { createLog } from "../../../service/process/log.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { startSession } from "../../../service/session/session.ts";
import { createSessions } from "../../../service/session/sessions.ts";
import { endedHere } from "../../support/endedHere.ts";
import { SECRET, visitorSession } from "../visitor.ts";
import { serveAnswer } from "./onExpress.ts";

/** As much as a full reel. */
const SAVED = ["aurora", "bloom", "contours", "coral", "embers", "generations", "mosaic", "orbits"];

/** The service's own sessions, and nothing else of it. */
const clock = () => Math.floor(Date.now() / 1000);
const keys = createStaticKeys(SECRET);
const addSessions = createSessions({
  sessionType: "cookie",
  cookieSecure: false,
  sessionLifetime: 604_800,
  instance: "bench",
  keys,
  sealer: createSealer({ keys, environment: "local", clock }),
  ended: endedHere(clock),
  clock,
  log: createLog({ level: "info" }),
});
serveAnswer(
  (app) => addSessions(app, (error, _req, res) => void res.status(500).end(String(error))),
  (req) => {
    startSession(req, visitorSession(Number(req.query.visitor)));
    if (req.query.saved !== undefined) Object.assign(req.session, { saved: SAVED });
  },
);
