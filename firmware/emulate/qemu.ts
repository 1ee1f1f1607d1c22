import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { chooseAccelerator } from './accelerator.ts';
import { SerialConsole } from './console.ts';
import { type DiskSource, type KernelSource, machineArguments, type PortForward } from './machine.ts';
import { QmpClient } from './qmp.ts';

export interface EmulatorOptions {
  readonly emulate: NonNullable<Board['emulate']>;
  readonly source: DiskSource | KernelSource;
  readonly memoryMiB: number;
  readonly processors?: number;
  readonly forwards?: readonly PortForward[];
  readonly network?: boolean;
  /** Where the answer about KVM is kept. */
  readonly cacheRoot: string;
  /** Console log, written anew. */
  readonly logPath: string;
  /** Aborted: QEMU is killed. */
  readonly signal?: AbortSignal;
}

export interface Emulator {
  readonly console: SerialConsole;
  readonly qmp: QmpClient;
  /** `performance.now()` at the start of QEMU. */
  readonly startedAt: number;
  readonly pid: number;
  /** Resolves with QEMU's exit code (null: killed) when it has ended, for whatever reason. */
  readonly ended: Promise<number | null>;
  /** The power cord: ends QEMU at once and waits for it. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
let armed = false;

/**
 * Starts a machine. QEMU never outlives this process: it is killed at a normal exit, and by the kernel
 * (PR_SET_PDEATHSIG, through setpriv of util-linux) where this process is killed itself.
 * @throws NodeosError TOOL_MISSING, EMULATOR_FAILED, PORT_IN_USE
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const program = options.emulate.system;
  requireProgram(program, 'qemu-system-x86');
  requireProgram('setpriv', 'util-linux');
  const { accelerator } = await chooseAccelerator(options.cacheRoot, program, options.signal);
  options.signal?.throwIfAborted();
  const machine = machineArguments(options.emulate, {
    memoryMiB: options.memoryMiB,
    processors: options.processors ?? 1,
    accelerator,
    source: options.source,
    forwards: options.forwards ?? [],
    network: options.network ?? true,
    qmpFd: 3,
  });
  const startedAt = performance.now();
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...machine], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    // A terminal's Ctrl-C is for this process, which then ends QEMU in order.
    detached: true,
  });
  keepTrackOf(child);
  const emulator = wrap(child, options, startedAt);
  await Promise.race([emulator.qmp.execute('query-status'), emulator.failedEarly]).catch(async (error) => {
    child.kill('SIGKILL');
    await emulator.ended;
    throw await emulator.failedEarly.catch((reason) => reason ?? error);
  });
  return emulator;
}

function wrap(
  child: ChildProcess,
  options: EmulatorOptions,
  startedAt: number,
): Emulator & { failedEarly: Promise<never> } {
  const console = new SerialConsole(child.stdout as Readable, child.stdin as Writable, options.logPath);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4096);
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  options.signal?.addEventListener('abort', kill, { once: true });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      options.signal?.removeEventListener('abort', kill);
      console.end(stderr === '' ? 'QEMU has ended' : `QEMU has ended: ${stderr.trim()}`);
      resolve(code);
    });
  });
  const failedEarly = ended.then((): never => {
    if (options.signal?.aborted) throw new NodeosError('INTERRUPTED', 'the emulator was interrupted');
    throw startError(stderr.trim());
  });
  failedEarly.catch(() => {});
  const stop = async (): Promise<void> => {
    kill();
    await ended;
  };
  const qmp = new QmpClient(child.stdio[3] as Duplex);
  return { console, qmp, startedAt, pid: child.pid ?? 0, ended, stop, failedEarly };
}

function startError(stderr: string): NodeosError {
  const forward = /Could not set up host forwarding rule '([^']+)'/.exec(stderr);
  if (forward) return new NodeosError('PORT_IN_USE', `the port of the rule ${forward[1]} is in use (--forward)`);
  return new NodeosError('EMULATOR_FAILED', `QEMU ended at its start: ${stderr || 'without a word'}`);
}

function keepTrackOf(child: ChildProcess): void {
  running.add(child);
  child.on('close', () => running.delete(child));
  if (armed) return;
  armed = true;
  process.on('exit', () => {
    for (const each of running) each.kill('SIGKILL');
  });
}

function requireProgram(name: string, debianPackage: string): void {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return;
    } catch {
      // Not in this folder.
    }
  }
  throw new NodeosError('TOOL_MISSING', `the program ${name} is not installed`, {
    hint: `Install it: apt-get install ${debianPackage}`,
  });
}
