import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BuildContext } from '../context.ts';

/** Writes files (name → text, bytes or JSON value) below a new folder that the test's end removes. */
export async function writeTree(
  test: { after(cleanup: () => Promise<void>): void },
  files: Readonly<Record<string, unknown>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-'));
  test.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    const raw = typeof content === 'string' || Buffer.isBuffer(content);
    await writeFile(join(folder, name), raw ? content : JSON.stringify(content));
  }
  return folder;
}

/** A build context with a cache of its own. */
export function testContext(cacheRoot: string, messages: string[] = []): BuildContext {
  const progress: BuildContext['progress'] = (event) => messages.push(event.message);
  return { cacheRoot, signal: new AbortController().signal, progress, locked: false };
}
