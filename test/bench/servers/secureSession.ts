import secureSession from "@fastify/secure-session";
import fastify from "fastify";
import { PATH, SECRET } from "../visitor.ts";
import { ANSWER, endOnSigterm, isSignedIn, REFUSAL, sessionOf } from "./answer.ts";

/** Fastify with @fastify/secure-session: encrypted and authenticated by libsodium. */
const app = fastify();
app.register(secureSession, {
  key: Buffer.from(SECRET.slice(0, 32)),
  cookie: { path: "/", httpOnly: true, sameSite: "lax" },
});
app.get<{ Querystring: { visitor?: string } }>("/sign-in", async (req) => {
  const session = req.session as { set(name: string, value: unknown): void };
  for (const [name, value] of Object.entries(sessionOf(req.query))) session.set(name, value);
  return {};
});
app.get(PATH, async (req, reply) => {
  if (isSignedIn({ ...req.session.data() })) return ANSWER;
  return reply.code(401).send(REFUSAL);
});
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
endOnSigterm();
