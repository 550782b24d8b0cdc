// Preloaded (package.json, start; Pulumi.yaml, nodeargs). Written for any version of Node, because
// the programs are TypeScript, which older versions fail to parse.
"use strict";

var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    "This program needs Node 24, and Node " +
      process.versions.node +
      " runs it. Install Node 24, or on most platforms run `npm ci`, which brings it: then use " +
      "`npm start` and `npx pulumi`.",
  );
  // The exit code by which Pulumi knows that the error has been shown, and adds no message.
  process.exit(32);
}
