/**
 * Loaded before the service with `--require` and `--expose-gc`: sends the memory in use after
 * garbage collections to the parent.
 */
process.on("message", () => {
  // Finalizers of the first collection run before the second.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send?.({ rss, heapUsed, external });
  });
});
process.channel?.unref();
