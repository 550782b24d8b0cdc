// The application that this service serves. Nothing else outside of its folder names it.
export { application } from "./reels/application.ts";
