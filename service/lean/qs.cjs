"use strict";

/** In place of `qs`, which Express reads at each start: it is loaded with the first form. */
module.exports = new Proxy({}, { get: (_target, name) => require("qs/lib/index.js")[name] });
