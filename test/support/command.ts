import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODEOS = join(ROOT, 'cli', 'bin', 'nodeos.js');

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Shows the output while it comes, for long runs. */
  readonly show?: boolean;
  /** In a process group of its own, as a shell does it with a foreground job. */
  readonly detached?: boolean;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program under test, as a user would start it. */
export interface Command {
  readonly child: ChildProcess;
  /** Set in its environment and so in that of all its children: see processesOf. */
  readonly marker: string;
  readonly ended: Promise<CommandResult>;
  /** Resolves when standard output or error matches; rejects where the program ends, or the limit passes, first. */
  waitFor(pattern: RegExp, limitMs: number): Promise<string>;
}

export function startCommand(program: string, args: readonly string[], options: CommandOptions = {}): Command {
  const marker = randomUUID();
  const child = spawn(program, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...withoutTestRunner(process.env), ...options.env, NODEOS_TEST_MARKER: marker },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.detached,
  });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      output[name] += chunk.toString();
      if (options.show) process.stderr.write(chunk);
      for (const watcher of watchers) watcher();
    });
  }
  let over = false;
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      over = true;
      resolve({ code, ...output });
      for (const watcher of watchers) watcher();
    });
  });
  const waitFor = (pattern: RegExp, limitMs: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        watchers.delete(look);
      };
      const fail = (why: string): void => {
        stop();
        reject(new Error(`${pattern} ${why}\n${output.stdout.slice(-3000)}\n${output.stderr.slice(-3000)}`));
      };
      const look = (): void => {
        const match = pattern.exec(`${output.stdout}\n${output.stderr}`);
        if (match) {
          stop();
          resolve(match[0]);
        } else if (over) fail('never came before the end');
      };
      const timer = setTimeout(() => fail(`did not come within ${limitMs / 1000} s`), limitMs);
      watchers.add(look);
      look();
    });
  return { child, marker, ended, waitFor };
}

/** Runs a program to its end. */
export function runCommand(program: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
  return startCommand(program, args, options).ended;
}

/** Runs the product's command from the clone. */
export function nodeos(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
  return runCommand(process.execPath, [NODEOS, ...args], options);
}

/** A test runner inside a test runner would report to the outer one. */
function withoutTestRunner(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...rest } = env;
  return rest;
}
