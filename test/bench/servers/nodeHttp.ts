import { createServer } from "node:http";

/** As little as a server can be. */
const server = createServer((_req, res) => {
  res.setHeader("Content-Type", "application/json").end('{"status":"ready"}');
});
server.listen(Number(process.env.PORT), "127.0.0.1");
