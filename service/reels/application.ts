import type { Application } from "../http/application.ts";
import { reelRoutes } from "./routes.ts";

/** The sample application: users arrange short clips and play them as one reel. */
export const application: Application = {
  folder: "reels",
  home: "/reel-maker",
  api: "/api/reel",
  start: {
    title: "Make a reel",
    text: "Pick a few clips, put them in order, and play them as one reel.",
  },
  routes: reelRoutes,
};
