import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/**
 * What a neighbour with Avahi and dig sees of a device's announcement, as one JSON object on standard output.
 * Run by neighbour.sh.
 */
const PROGRAM = new URL('./announce.ts', import.meta.url).pathname;
const LIMIT_S = '20';

/** On the neighbour; what ends with a failure has found nothing. */
async function neighbour(...command: string[]): Promise<string> {
  const words = ['--target', process.env.NEIGHBOUR ?? '', '--net', 'timeout', LIMIT_S, ...command];
  return promisify(execFile)('nsenter', words).then(
    ({ stdout }) => stdout.trim(),
    ({ stdout }) => String(stdout).trim(),
  );
}
const browse = async () => {
  const lines = (await neighbour('avahi-browse', '-rtpk', '_http._tcp')).split('\n');
  const found = lines.filter((line) => line.startsWith('='));
  return found.map((line) => line.split(';').slice(3).join(';')).sort();
};
const resolve = (...names: string[]) => neighbour('avahi-resolve', '-4', '-n', ...names);
const dig = (name: string, type: string) =>
  neighbour('dig', '@10.9.0.7', '-p', '5353', '+noall', '+answer', '+tries=1', name, type);

/** @returns the device once it has taken a name, and all that it said until then */
async function device(...users: string[]): Promise<{ child: ChildProcess; said: string[] }> {
  const child = spawn(process.execPath, [PROGRAM, 'pi', '10.9.0.7', ...users], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    said.push(line);
    if (line.startsWith('name ')) break;
  }
  return { child, said };
}

async function end({ child }: { child: ChildProcess }): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function main(): Promise<void> {
  const first = await device('porch');
  const seen = {
    said: first.said,
    browse: await browse(),
    resolve: await resolve('pi.local', 'porch.pi.local'),
    dig: await dig('pi.local', 'A'),
    none: await dig('poach.pi.local', 'A'),
  };
  await end(first);
  // What was taken back is forgotten after a second (RFC 6762, 10.1), else after 75 minutes.
  let afterwards = await browse();
  for (const endAt = Date.now() + 10_000; afterwards.length > 0 && Date.now() < endAt; ) afterwards = await browse();
  const holder = spawn('nsenter', [
    ...['--target', process.env.NEIGHBOUR ?? '', '--net', 'avahi-publish', '-a', '-R', 'pi.local', '10.9.0.9'],
  ]);
  await once(holder.stderr, 'data');
  const second = await device();
  const conflict = { said: second.said, resolve: await resolve('pi.local', 'pi-2.local') };
  await end(second);
  holder.kill();
  console.log(JSON.stringify({ seen, afterwards, conflict }));
}

void main();
