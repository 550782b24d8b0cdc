"use strict";

/** In place of `assert`, which the log's packages read at each start: it is loaded when one fails. */
module.exports = new Proxy(function assert() {}, {
  apply: (_target, _this, [holds, message]) => holds || require("node:assert")(holds, message),
  get: (_target, name) => require("node:assert")[name],
});
