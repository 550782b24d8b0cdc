"use strict";

/** In place of `worker_threads` and `thread-stream`, with which pino could write from a thread. */
module.exports = class ThreadStream {
  static isMainThread = true;

  constructor() {
    throw new Error("The service writes its log from its only thread.");
  }
};
