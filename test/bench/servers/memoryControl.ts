/**
 * Loaded before the service with `--require` and `--expose-gc`: tells the parent what memory is in
 * use after all garbage is collected.
 */
process.on("message", () => {
  // Finalisers of what the first collection freed run before the second.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send?.({ rss, heapUsed, external });
  });
});
process.channel?.unref();
