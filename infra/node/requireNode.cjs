// Loaded before the program (Pulumi.yaml, nodeargs). Plain JavaScript that any Node can parse,
// because the program itself is TypeScript, which only Node 24 runs as it is.
"use strict";

var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    "This program needs Node 24, and Node " +
      process.versions.node +
      " runs it. Run `npm ci`, then `npx pulumi` in place of `pulumi`: that brings Node 24.",
  );
  // Pulumi's code for "the user has been told": nothing is added to the line above.
  process.exit(32);
}
