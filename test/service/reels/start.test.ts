import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import * as tar from "tar";
import { buildArchive } from "../../../infra/bundle/archive.ts";
import { startService } from "../../support/serviceProcess.ts";

test("missing clips are an operator error, logged without a stack", async () => {
  const directory = mkdtempSync(join(tmpdir(), "phoenix-reels-"));
  try {
    tar.extract({ sync: true, file: buildArchive().path, cwd: directory });
    rmSync(join(directory, "reels", "clips"), { recursive: true });
    const env = { SECRET_KEY: "a secret of more than thirty-two characters" };
    await using service = await startService({ directory, program: ["index.js"], env });
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.lines).toEqual([
      expect.objectContaining({ event: "ended_sessions_apart" }),
      expect.objectContaining({ event: "start_refused", code: "ASSETS_INVALID" }),
    ]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
