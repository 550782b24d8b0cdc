"use strict";

/**
 * In place of `iconv-lite`, whose tables are larger than the rest of the service: what Express asks
 * it for when it reads a body, by means of the platform's own decoder.
 */
exports.encodingExists = (label) => {
  try {
    return createDecoder(label) !== undefined;
  } catch {
    return false;
  }
};

exports.decode = (bytes, label) => createDecoder(label).decode(bytes);

exports.getDecoder = (label) => {
  const decoder = createDecoder(label);
  return {
    write: (bytes) => decoder.decode(bytes, { stream: true }),
    end: () => decoder.decode(),
  };
};

function createDecoder(label) {
  try {
    return new TextDecoder(label);
  } catch {
    // raw-body answers 415 if the message begins like this.
    throw new Error(`Encoding not recognized: '${label}'`);
  }
}
