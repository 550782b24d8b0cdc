import fastify from "fastify";
import { PATH } from "../visitor.ts";
import { ANSWER, endOnSigterm } from "./answer.ts";

/** Fastify without sessions: what its sessions cost is the difference. */
const app = fastify();
app.get(PATH, async () => ANSWER);
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
endOnSigterm();
