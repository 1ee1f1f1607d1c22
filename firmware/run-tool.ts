import { spawn } from 'node:child_process';
import { NodeosError } from '@nodeos/contracts/errors.ts';

export interface ToolOptions {
  readonly cwd?: string;
  /** Added to (not replacing) the environment; LC_ALL=C and TZ=UTC are always set. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Written to standard input, which is else empty. */
  readonly input?: string | Uint8Array;
  /** Called with each complete line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
  /** Exit codes that are a success; default [0]. */
  readonly okCodes?: readonly number[];
}

export interface ToolResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number;
}

/** Debian package of each host tool, for the hint of TOOL_MISSING and for `nodeos doctor`. */
export const TOOL_PACKAGES: Readonly<Record<string, string>> = {
  gcc: 'gcc',
  make: 'make',
  ld: 'binutils',
  bc: 'bc',
  flex: 'flex',
  bison: 'bison',
  cpio: 'cpio',
  'qemu-img': 'qemu-utils',
  xz: 'xz-utils',
  zstd: 'zstd',
  mksquashfs: 'squashfs-tools',
  unsquashfs: 'squashfs-tools',
  veritysetup: 'cryptsetup-bin',
  'mkfs.vfat': 'dosfstools',
  'fsck.fat': 'dosfstools',
  mcopy: 'mtools',
  mmd: 'mtools',
  mke2fs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  tune2fs: 'e2fsprogs',
  sfdisk: 'fdisk',
  'qemu-system-x86_64': 'qemu-system-x86',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  strip: 'binutils',
  npm: 'npm',
};

/**
 * Runs a program without a shell and waits for its end.
 * @throws NodeosError TOOL_MISSING (names the Debian package), TOOL_FAILED (with the last lines of output), INTERRUPTED
 */
export function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that make and its compilers all end with it on Ctrl-C.
      detached: true,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const lines = options.onLine && { out: lineSplitter(options.onLine), err: lineSplitter(options.onLine) };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      lines?.out(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      lines?.err(chunk);
    });
    const stop = (): void => {
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGTERM');
        } catch {
          // It ended by itself in the meantime.
        }
      }
    };
    if (options.signal?.aborted) stop();
    options.signal?.addEventListener('abort', stop, { once: true });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      options.signal?.removeEventListener('abort', stop);
      if (cause.code !== 'ENOENT')
        return reject(new NodeosError('TOOL_FAILED', `${command} could not start: ${cause.message}`, { cause }));
      const owner = TOOL_PACKAGES[command];
      const hint = owner ? `Install it: apt-get install ${owner}` : undefined;
      reject(new NodeosError('TOOL_MISSING', `the program ${command} is not installed`, { hint, cause }));
    });
    child.on('close', (code, killedBy) => {
      options.signal?.removeEventListener('abort', stop);
      if (options.signal?.aborted) return reject(new NodeosError('INTERRUPTED', `${command} was interrupted`));
      const result = { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString(), code: code ?? -1 };
      if (code !== null && (options.okCodes ?? [0]).includes(code)) return resolve(result);
      const tail = `${result.stdout.toString()}\n${result.stderr}`.trim().split('\n').slice(-12).join('\n');
      const full = /No space left on device/.test(tail);
      reject(
        new NodeosError(
          full ? 'DISK_FULL' : 'TOOL_FAILED',
          `${command} ended with ${killedBy ?? `code ${code}`}:\n${tail}`,
        ),
      );
    });
    child.stdin.on('error', () => {
      // A program that does not read its input closes it early; its exit code says whether that matters.
    });
    child.stdin.end(options.input);
  });
}

function lineSplitter(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) onLine(line);
  };
}
