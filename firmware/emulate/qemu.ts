import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { chooseAccelerator } from './accelerator.ts';
import { SerialConsole } from './console.ts';
import { type DiskSource, type KernelSource, machineArguments, type PortForward } from './machine.ts';
import { requireEmulator } from './programs.ts';
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
  /** Called with each line about what the guest asks of parts that QEMU lacks. */
  readonly onNote?: (line: string) => void;
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

/** How one run of QEMU ended. */
export interface ProcessEnd {
  readonly code: number | null;
  /** The guest, or QMP, reset the machine, and QEMU ended instead of starting it again. */
  readonly reset: boolean;
  /** One line for people. */
  readonly reason: string;
}

/** One run of QEMU. */
export interface EmulatorProcess {
  readonly qmp: QmpClient;
  readonly startedAt: number;
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  kill(): void;
}

const running = new Set<ChildProcess>();
let armed = false;

/**
 * Starts a machine. QEMU never outlives this process: it is killed at a normal exit, and by the kernel
 * (PR_SET_PDEATHSIG, through setpriv of util-linux) where this process is killed itself.
 * @throws NodeosError TOOL_MISSING, EMULATOR_TOO_OLD, EMULATOR_FAILED, PORT_IN_USE
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const console = new SerialConsole(options.logPath);
  const machine = await startProcess(options, console);
  const ended = machine.ended.then(({ code, reason }) => {
    console.end(reason);
    return code;
  });
  const stop = async (): Promise<void> => {
    machine.kill();
    await ended;
  };
  return { console, qmp: machine.qmp, startedAt: machine.startedAt, pid: machine.pid, ended, stop };
}

/** Runs QEMU once, on a console that may have seen runs before. @throws as startEmulator */
export async function startProcess(options: EmulatorOptions, console: SerialConsole): Promise<EmulatorProcess> {
  const { system } = options.emulate;
  await requireEmulator(options.emulate);
  const { accelerator } = await chooseAccelerator(options.cacheRoot, system, options.signal);
  options.signal?.throwIfAborted();
  const machine = machineArguments(options.emulate, {
    memoryMiB: options.memoryMiB,
    processors: options.processors ?? 1,
    accelerator,
    source: options.source,
    forwards: options.forwards ?? [],
    network: options.network ?? true,
    qmpFd: 3,
    notes: options.onNote !== undefined,
  });
  const startedAt = performance.now();
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', system, ...machine], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    // A terminal's Ctrl-C is for this process, which then ends QEMU in order.
    detached: true,
  });
  keepTrackOf(child);
  console.attach(child.stdout as Readable, child.stdin as Writable);
  const qmp = new QmpClient(child.stdio[3] as Duplex);
  const { ended, failedEarly } = watch(child, qmp, options);
  await Promise.race([qmp.execute('query-status'), failedEarly]).catch(async (error) => {
    child.kill('SIGKILL');
    await ended;
    throw await failedEarly.catch((reason) => reason ?? error);
  });
  return { qmp, startedAt, pid: child.pid ?? 0, ended, kill: () => void child.kill('SIGKILL') };
}

function watch(
  child: ChildProcess,
  qmp: QmpClient,
  { emulate, onNote, signal }: EmulatorOptions,
): { ended: Promise<ProcessEnd>; failedEarly: Promise<never> } {
  let stderr = '';
  // QEMU's own words begin with its name; all else is about the guest.
  if (child.stderr)
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (onNote === undefined || line.startsWith(`${emulate.system}:`)) stderr = `${stderr}${line}\n`.slice(-4096);
      else onNote(line);
    });
  let reset = false;
  qmp.onEvent(({ event, data }) => {
    // With -no-reboot a reset ends QEMU: reasons guest-reset, host-qmp-system-reset.
    if (event === 'SHUTDOWN' && String(data?.reason).endsWith('reset')) reset = true;
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  signal?.addEventListener('abort', kill, { once: true });
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.on('close', (code) => {
      signal?.removeEventListener('abort', kill);
      resolve({ code, reset, reason: stderr === '' ? 'QEMU has ended' : `QEMU has ended: ${stderr.trim()}` });
    });
  });
  const failedEarly = ended.then((): never => {
    if (signal?.aborted) throw new NodeosError('INTERRUPTED', 'the emulator was interrupted');
    throw startError(stderr.trim());
  });
  failedEarly.catch(() => {});
  return { ended, failedEarly };
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
