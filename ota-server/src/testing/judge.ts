import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';

export interface Verdict {
  readonly status: number | null;
  readonly output: string;
}

/**
 * Runs an independent tool. Without it the test is skipped visibly (null), in CI it fails.
 */
export async function runJudge(
  context: TestContext,
  tool: string,
  parameters: readonly string[],
  options: { input?: string; limitMs?: number } = {},
): Promise<Verdict | null> {
  const child = spawn(tool, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  const onData = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 15_000);
  try {
    return await new Promise<Verdict>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, output }));
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || process.env.CI) throw error;
    context.skip(`${tool} is not installed`);
    return null;
  } finally {
    clearTimeout(timer);
  }
}
