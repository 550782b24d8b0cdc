// Checks of the application in service/application.ts. Only this file imports them.
export { reelChecks as applicationChecks } from "./reels.ts";
