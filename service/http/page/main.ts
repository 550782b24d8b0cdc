import { watchSession } from "./session.ts";

watchSession();
