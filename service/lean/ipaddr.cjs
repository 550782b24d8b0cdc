"use strict";

/** In place of `ipaddr.js`: it is loaded for trust in proxies by their addresses, which is not in use. */
exports.isValid = (text) => require("ipaddr.js/lib/ipaddr.js").isValid(text);
exports.parse = (text) => require("ipaddr.js/lib/ipaddr.js").parse(text);
