// Loaded before a program (package.json, start; Pulumi.yaml, nodeargs). Plain JavaScript that any
// Node can parse, because the program is TypeScript, which only Node 24 runs as it is.
"use strict";

var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    "This program needs Node 24, and Node " +
      process.versions.node +
      " runs it. Install Node 24, or on most platforms run `npm ci`, which brings it: then use " +
      "`npm start` and `npx pulumi`.",
  );
  // Pulumi's code for "the user has been told": nothing is added to the line above.
  process.exit(32);
}
