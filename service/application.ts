// The application that this service serves. To replace it, change this line only.
export { application } from "./reels/application.ts";
