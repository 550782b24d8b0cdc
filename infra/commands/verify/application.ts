// Checks of the application that is plugged in, in service/application.ts. Nothing else names it.
export { reelChecks as applicationChecks } from "./reels.ts";
