import { createServer } from "node:http";

/** A minimal server. */
const server = createServer((_req, res) => {
  res.setHeader("Content-Type", "application/json").end('{"status":"ready"}');
});
server.listen(Number(process.env.PORT), "127.0.0.1");
