import type { BuildContext } from '@nodeos/firmware/context.ts';
import { cacheLimitBytes, cacheRoot } from './config.ts';
import type { CliIo } from './io.ts';
import { progressPrinter } from './output.ts';

/** A build context that shows progress on standard error; `end` closes an open progress line. */
export function createBuildContext(io: CliIo, locked = false): { context: BuildContext; end: () => void } {
  const printer = progressPrinter(io);
  const cache = { cacheRoot: cacheRoot(io.env), cacheLimitBytes: cacheLimitBytes(io.env) };
  const context = { ...cache, signal: io.signal, progress: printer.show, locked };
  return { context, end: printer.end };
}
