"use strict";

/**
 * In place of `body-parser`: a parser is loaded when the first request comes to it. Those that the
 * service has are here.
 */
exports.json = lazily("json");
exports.urlencoded = lazily("urlencoded");

function lazily(name) {
  return (options) => {
    let parse;
    return (req, res, next) => {
      parse ??= require("body-parser/index.js")[name](options);
      parse(req, res, next);
    };
  };
}
