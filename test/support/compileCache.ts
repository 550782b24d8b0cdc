import { join } from "node:path";

/**
 * Has jest's workers, and what tests run in processes of their own, compile each module once: a
 * process that loads Pulumi or jest takes a third less CPU.
 */
// biome-ignore lint/style/noDefaultExport: jest calls this one.
export default function useCompileCache(
  _options: unknown,
  { cacheDirectory }: { readonly cacheDirectory: string },
): void {
  process.env.NODE_COMPILE_CACHE = join(cacheDirectory, "node");
}
