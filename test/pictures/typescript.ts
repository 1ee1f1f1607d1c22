import { spawn } from 'node:child_process';

/** What is typed when the program asks for it. */
export interface Typed {
  readonly when: RegExp;
  readonly text: string;
}

/**
 * Runs a program in a terminal of its own, by script(1), and gives all that it wrote there.
 * @throws Error where it ends with another code than 0
 */
export function inTerminal(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly typed?: readonly Typed[] },
): Promise<string> {
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const size = 'stty cols 110 rows 40';
  const child = spawn(
    'script',
    ['--quiet', '--return', '--flush', '--command', `${size}; exec ${quoted}`, '/dev/null'],
    {
      cwd: options.cwd,
      env: { ...process.env, TERM: 'xterm', ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const waiting = [...(options.typed ?? [])];
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (waiting[0]?.when.test(output)) child.stdin.write(waiting.shift()?.text);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${quoted} ended with code ${code}\n${output}`)),
    );
  });
}
