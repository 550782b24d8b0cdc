import { createEndedList } from "../../../service/ended/endedList.ts";
import { createEndedSessions, type EndedSessions } from "../../../service/ended/endedSessions.ts";
import {
  addressMark,
  type Mark,
  providerSessionMark,
  sessionHash,
  userMark,
} from "../../../service/ended/marks.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { createLog } from "../../../service/process/log.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { startSession } from "../../../service/session/session.ts";
import { createSessions } from "../../../service/session/sessions.ts";
import { SECRET, visitorSession } from "../visitor.ts";
import { serveAnswer } from "./onExpress.ts";

/** As much as a full reel. */
const SAVED = ["aurora", "bloom", "contours", "coral", "embers", "generations", "mosaic", "orbits"];

const LIFETIME = 604_800;

/** Only the service's sessions. */
const clock = () => Math.floor(Date.now() / 1000);
const [none, all] = [knowing(0), knowing(Number(process.env.ENDED ?? 0))];
let current = all;
process.on("message", (message) => {
  if (message === "none") current = none;
  if (message === "all") current = all;
});
const keys = createStaticKeys(SECRET);
const addSessions = createSessions({
  sessionType: "cookie",
  cookieSecure: false,
  sessionLifetime: LIFETIME,
  instance: "bench",
  keys,
  sealer: createSealer({ keys, environment: "local", clock }),
  ended: { ...all, check: (session) => current.check(session) },
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

/**
 * An instance that knows that many sessions, which all ended a minute ago, and a later mark of each
 * kind of other people's.
 */
function knowing(count: number): EndedSessions {
  const list = createEndedList({ lifetime: LIFETIME });
  if (count > 0) list.learn(marks(count, clock() - 60));
  const log = createLog({ level: "info" });
  const onOutage = "continue";
  return createEndedSessions({ bucket: undefined, onOutage, lifetime: LIFETIME, log, clock, list });
}

function* marks(count: number, time: number): Generator<Mark> {
  for (let index = 0; index < count; index += 1) {
    yield { who: { kind: "s", hash: sessionHash(`ended ${index}`) }, time, before: time };
  }
  const later = time + 86_400;
  const issuer = "https://accounts.google.com";
  const others = [
    userMark(issuer, "1"),
    addressMark("a@b.example"),
    providerSessionMark(issuer, "1"),
  ];
  for (const who of others) yield { who, time: later, before: later };
}
