import { join } from "node:path";
import { type Response, Router } from "express";
import type { ApplicationDeps } from "../http/application.ts";
import { sendProblem } from "../http/problem.ts";
import type { ProblemDetails } from "../http/problemDetails.ts";
import { requireSignIn } from "../login/requireSignIn.ts";
import { filesOf, readClips } from "./clips.ts";
import { CLIP_URL_LIFETIME, createClipUrls } from "./clipUrl.ts";
import { parseReel, REEL_LIMIT, savedReel } from "./reel.ts";
import { reelMakerPage } from "./reelMakerPage.ts";
import type { ClipList, ClipUrl, Reel } from "./wire.ts";

/** The reel maker: its page, the API of clips and reels, and the clips' files. */
export function reelRoutes(deps: ApplicationDeps): Router {
  const { clock, directory, instance, log } = deps;
  const clipsDirectory = join(directory, "clips");
  const store = readClips(clipsDirectory);
  const urls = createClipUrls(deps);
  const routes = Router();

  routes.use(["/reel-maker", "/api/clips", "/api/reel"], requireSignIn);

  routes.get("/reel-maker", (req, res) => {
    const chosen = savedReel(req.session.reel, store)?.length ?? 0;
    res.type("html").send(reelMakerPage(req.session, { clips: store.clips.length, chosen }));
  });

  routes.get("/api/clips", (_req, res) => {
    res.json({ clips: store.clips, reel_limit: REEL_LIMIT, instance } satisfies ClipList);
  });

  routes.get("/api/clips/:id/url", (req, res) => {
    const clip = store.find(req.params.id);
    if (clip === undefined) {
      sendProblem(res, {
        status: 404,
        code: "clip_not_found",
        title: "There is no such clip",
        detail: "GET /api/clips lists all clips.",
      });
      return;
    }
    const { video, poster } = filesOf(clip);
    const expiresAt = clock() + CLIP_URL_LIFETIME;
    res.json({
      url: urls.sign(video, expiresAt),
      poster_url: urls.sign(poster, expiresAt),
      expires_at: expiresAt,
      instance,
    } satisfies ClipUrl);
  });

  routes.get("/api/reel", (req, res) => {
    res.json({ clips: savedReel(req.session.reel, store), instance } satisfies Reel);
  });

  routes.post("/api/reel", (req, res) => {
    // Forms are parsed too, and repeated fields of a form would look like a list.
    const parsed = parseReel(req.is("json") ? req.body : undefined, store);
    if ("problem" in parsed) {
      const title = "The reel can't be saved";
      sendProblem(res, { status: 400, code: "reel_invalid", title, detail: parsed.problem });
      return;
    }
    req.session.reel = parsed.reel;
    res.json({ clips: parsed.reel, instance } satisfies Reel);
  });

  routes.get("/media/:file", async (req, res) => {
    const { file } = req.params;
    const admission = await urls.admit(file, req.query.token);
    if (!admission.allowed || !store.hasFile(file)) {
      refuse(res, admission.allowed ? "invalid" : admission.reason);
      return;
    }
    res.set("Cache-Control", `private, max-age=${admission.expiresAt - clock()}`);
    res.sendFile(file, { root: clipsDirectory, cacheControl: false }, (error?: SendError) => {
      if (error === undefined || res.headersSent || error.code === "ECONNABORTED") return;
      const refusal = REFUSALS[error.status ?? 500];
      if (refusal !== undefined) {
        sendProblem(res, refusal);
        return;
      }
      const { trace } = res.locals;
      log.warn(
        { event: "clip_unreadable", file, err: error, ...trace },
        `${file} could not be sent`,
      );
      const title = "The clip can't be read";
      sendProblem(res, { status: 500, code: "clip_unreadable", title });
    });
  });

  return routes;
}

/** An error of `sendFile`: the HTTP status that it suggests, and the system's error code. */
interface SendError extends Error {
  readonly status?: number;
  readonly code?: string;
}

/** Client errors that `sendFile` reports, by status. */
const REFUSALS: Readonly<Record<number, ProblemDetails>> = {
  412: {
    status: 412,
    code: "precondition_failed",
    title: "The file does not match the precondition",
  },
  416: {
    status: 416,
    code: "range_not_satisfiable",
    title: "The file has no such range",
  },
};

function refuse(res: Response, reason: "expired" | "invalid"): void {
  const detail = "GET /api/clips/ID/url returns a new URL.";
  const title = reason === "expired" ? "This URL has expired" : "This URL is invalid";
  sendProblem(res, { status: 403, code: `clip_url_${reason}`, title, detail });
}
