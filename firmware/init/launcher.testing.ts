import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildInit } from '../layers/init.ts';
import { runTool } from '../run-tool.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
export const uid = 12345;
export const gid = 12346;

export function reasonToSkip(): string | false {
  if (process.getuid?.() !== 0) return 'the launcher needs root rights';
  const tried = spawnSync('unshare', ['--mount', '--pid', '--ipc', '--uts', '--net', '--fork', 'true']);
  if (tried.status !== 0) return `this machine gives no namespaces: ${tried.error?.message ?? tried.stderr}`;
  if (spawnSync('losetup', ['--find']).status !== 0) return 'this machine gives no loop devices';
  return false;
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The launcher, a root with `test/probe.c` as its only program, and a bundle; made for the suite that calls this. */
export class LauncherOnThisMachine {
  /** Holds `app.sqfs`, `lower/` and `users/`. */
  folder = '';
  #launcher = '';
  #homes = 0;
  readonly #started: ChildProcess[] = [];

  constructor() {
    before(() => this.#make());
    after(async () => {
      // A test that failed half-way leaves its app running.
      for (const child of this.#started) child.kill('SIGKILL');
      await rm(this.folder, { recursive: true, force: true });
    });
  }

  async #make(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'nodeos-launcher-'));
    const context = {
      cacheRoot: join(this.folder, 'cache'),
      signal: new AbortController().signal,
      progress: () => {},
      locked: false,
    };
    const built = await buildInit(context, { cc: 'gcc', strip: 'strip', flags: [], id: 'host' }, here);
    this.#launcher = join(built.dir, 'launcher');
    const lower = join(this.folder, 'lower');
    for (const name of ['bin', 'dev', 'proc', 'sys', 'run', 'tmp', 'data'])
      await mkdir(join(lower, name), { recursive: true });
    const flags = ['-std=c11', '-D_GNU_SOURCE', '-static', '-Wall', '-Wextra', '-Werror'];
    await runTool('gcc', [...flags, '-o', join(lower, 'bin/probe'), join(here, 'test/probe.c')]);
    const content = join(this.folder, 'package');
    await mkdir(content);
    await chmod(content, 0o777); // so that only the mount can refuse a write
    await writeFile(join(content, 'package.json'), '{"name":"probe"}');
    await runTool('mksquashfs', [content, join(this.folder, 'app.sqfs'), '-quiet', '-no-progress', '-all-root']);
  }

  async newHome(): Promise<string> {
    const home = join(this.folder, `users/app${++this.#homes}`);
    await mkdir(home, { recursive: true });
    await chown(home, uid, gid);
    return home;
  }

  async start(args: readonly string[], command: readonly string[], home?: string): Promise<ChildProcess> {
    const ids = ['--uid', `${uid}`, '--gid', `${gid}`];
    const roots = ['--home', home ?? (await this.newHome()), '--lower', join(this.folder, 'lower')];
    const child = spawn(this.#launcher, [...ids, ...roots, ...args, '--', ...command], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { SECRET: 'x' },
    });
    this.#started.push(child);
    return child;
  }

  /** An app that has begun and does nothing until it is stopped. */
  async startWaiting(args: readonly string[], home?: string): Promise<ChildProcess> {
    const child = await this.start(args, ['/bin/probe', 'wait'], home);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  }

  async run(args: readonly string[], command: readonly string[], home?: string): Promise<Result> {
    return finish(await this.start(args, command, home));
  }

  /** What the probe sees and may do, by name. */
  async report(args: readonly string[] = [], home?: string): Promise<Map<string, string>> {
    const result = await this.run(args, ['/bin/probe', 'report'], home);
    assert.equal(result.stderr, '');
    assert.equal(result.code, 0);
    const lines = result.stdout.trimEnd().split('\n');
    return new Map(lines.map((line) => [/^[^=:]+/.exec(line)?.[0] ?? line, line.replace(/^[^=:]+[=:]\s*/, '')]));
  }
}

export async function finish(child: ChildProcess): Promise<Result> {
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    text.stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    text.stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...text };
}

export async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'close');
}

/** Major and minor number of the file system at an app's `/`. */
export async function rootDevice({ pid }: ChildProcess): Promise<string | undefined> {
  const mounts = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).split('\n').map((line) => line.split(' '));
  return mounts.find((fields) => fields[4] === '/')?.[2];
}
