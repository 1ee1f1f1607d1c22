import { spawn } from 'node:child_process';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const running = new Set();
/** npm passes a terminal's Ctrl-C on although we got it too; only a later one means "at once". */
const REPEAT_MS = 1_000;
let interrupted = null;
let passedOnAt = Number.NEGATIVE_INFINITY;

for (const signal of STOP_SIGNALS) process.on(signal, () => stop(signal));

// Where npm is killed, nobody tells this process: but then it has another parent.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent && interrupted === null) stop('SIGTERM');
}, 250).unref();

function stop(signal) {
  interrupted ??= signal;
  if (performance.now() - passedOnAt < REPEAT_MS) return;
  passedOnAt = performance.now();
  for (const child of running) child.kill(signal);
  if (running.size === 0) process.exit(exitCodeOf(signal));
}
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** Exit code that a shell gives a program ended by this signal. */
function exitCodeOf(signal) {
  return { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal] ?? 1;
}

/**
 * Runs a program to its end; Ctrl-C and other stop signals are passed on to it, and this process ends with it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{capture?: boolean, env?: Record<string, string>, cwd?: string}} [options] capture: give the output instead of showing it
 * @returns {Promise<{code: number, output: string}>} code 127 where the program is missing
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      // A group of its own: a terminal's Ctrl-C reaches it through us, once.
      detached: true,
      stdio: ['ignore', options.capture ? 'pipe' : 'inherit', options.capture ? 'pipe' : 'inherit'],
    });
    running.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.on('error', (error) => {
      running.delete(child);
      resolve({ code: error.code === 'ENOENT' ? 127 : 126, output: error.message });
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      if (interrupted !== null && running.size === 0) process.exit(exitCodeOf(interrupted));
      resolve({ code: code ?? exitCodeOf(signal), output });
    });
  });
}
