import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from './main.ts';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
interface TestScope {
  after(cleanup: () => Promise<void> | void): void;
}

/** A folder that the test's end removes. */
export async function temporaryFolder(test: TestScope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-cli-'));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a command line in this process, with a home of its own. */
export async function runForTest(
  argv: readonly string[],
  options: { cwd: string; env?: Record<string, string>; signal?: AbortSignal; onOutput?: (text: string) => void },
): Promise<Finished> {
  const sink = (): { stream: Writable; text: () => string } => {
    let text = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        options.onOutput?.(text);
        done();
      },
    });
    return { stream, text: () => text };
  };
  const [out, err] = [sink(), sink()];
  const code = await runCli(argv, {
    stdout: out.stream,
    stderr: err.stream,
    signal: options.signal ?? new AbortController().signal,
    env: { PATH: process.env.PATH, HOME: options.cwd, XDG_CACHE_HOME: join(options.cwd, 'cache'), ...options.env },
    cwd: options.cwd,
  });
  return { code, stdout: out.text(), stderr: err.text() };
}

/** An HTTP server on a free port; closed, with its connections, when the test ends. */
export async function listen(
  test: TestScope,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
