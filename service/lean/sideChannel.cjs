"use strict";

/** In place of `side-channel`, which keeps a value for any key without changing the key. */
module.exports = function createSideChannel() {
  const objects = new WeakMap();
  const others = new Map();

  function channelOf(key) {
    return Object(key) === key ? objects : others;
  }

  return {
    assert(key) {
      if (!channelOf(key).has(key)) throw new TypeError("Side channel does not contain the key.");
    },
    delete: (key) => channelOf(key).delete(key),
    get: (key) => channelOf(key).get(key),
    has: (key) => channelOf(key).has(key),
    set: (key, value) => void channelOf(key).set(key, value),
  };
};
