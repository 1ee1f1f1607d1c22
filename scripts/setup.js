import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './children.js';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Node 24 from the npm package `node`, whatever Node the host has. */
export const NODE = join(ROOT, 'node_modules', '.bin', 'node');

const NETWORK_FAULTS =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH|EHOSTUNREACH|Temporary failure resolving|Could not resolve|Could not connect|Connection failed|Network is unreachable/;

/** A problem that the user can solve; printed without a stack. */
export class SetupError extends Error {}

/**
 * Installs what is missing: npm packages, then Debian packages of the given groups.
 * @param {readonly ('build'|'emulate'|'test'|'boards')[]} groups
 * @throws {SetupError} that says what is missing and the next step
 */
export async function setUp(groups) {
  checkHost();
  await installNpmPackages();
  await installDebianPackages(groups);
}

/** Runs the main function of an entry script; its number is the exit code. */
export async function main(script) {
  try {
    process.exitCode = await script();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`nodeos: ${error.message}`);
    process.exitCode = 1;
  }
}

function checkHost() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new SetupError(`Node ${process.version} is too old. Install Node 20 or newer.`);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(`this is ${process.platform} ${process.arch}. Build on Linux x86-64 (Debian 12 or 13).`);
  }
}

async function installNpmPackages() {
  const lock = join(ROOT, 'package-lock.json');
  // npm writes this file last: where it is missing, an earlier installation was cut short.
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (existsSync(NODE) && existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('set-up: installing npm packages (npm ci)');
  const { code, output } = await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: ROOT, capture: true });
  if (code === 127) throw new SetupError('the program npm is not installed. Install it: apt-get install npm');
  if (code !== 0) {
    // Warnings come first, then the fault by name, then npm's own usage.
    const faults = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('npm warn'));
    const tail = faults.slice(0, 12).join('\n');
    throw new SetupError(
      NETWORK_FAULTS.test(output)
        ? `the npm registry cannot be reached. Check the network, the proxy and npm's registry setting, then run this again.\n${tail}`
        : `npm ci failed:\n${tail}`,
    );
  }
  if (!existsSync(NODE))
    throw new SetupError('npm ci installed no Node 24: install scripts of the package "node" must be allowed to run.');
}

async function installDebianPackages(groups) {
  const missing = await missingPackages(groups);
  if (missing.length === 0) return;
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing.map((entry) => entry.package)];
  const prefix = await rootPrefix();
  if (prefix === null) {
    const reasons = missing.map((entry) => `  ${entry.package.padEnd(22)} ${entry.for}`).join('\n');
    throw new SetupError(
      `these Debian packages are missing, and installing them needs root rights:\n${reasons}\nRun this, then the same command again:\n` +
        `  sudo apt-get update && sudo ${install.join(' ')}`,
    );
  }
  console.log(`set-up: installing Debian packages: ${missing.map((entry) => entry.package).join(' ')}`);
  const apt = (...args) => aptGet(prefix, args);
  let result = await apt(...install.slice(1));
  if (result.code !== 0) {
    // The package lists may be absent (a fresh container) or older than the mirror.
    const update = await apt('update');
    if (update.code === 0) result = await apt(...install.slice(1));
    else result = update;
  }
  if (result.code === 0) return;
  const tail = result.output.trim().split('\n').slice(-12).join('\n');
  throw new SetupError(
    NETWORK_FAULTS.test(result.output)
      ? `the Debian mirror cannot be reached. Check the network and /etc/apt, then run this again.\n${tail}`
      : `apt-get failed:\n${tail}`,
  );
}

function aptGet(prefix, args) {
  const [command, ...rest] = [...prefix, 'apt-get', '-o', 'DPkg::Lock::Timeout=120', ...args];
  return run(command, rest, { capture: true, env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' } });
}

/** Words before a command that must run as root: none as root, `sudo -n` where it asks no password, else null. */
async function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const { code } = await run('sudo', ['-n', 'true'], { capture: true });
  return code === 0 ? ['sudo', '-n', 'env', 'DEBIAN_FRONTEND=noninteractive'] : null;
}

async function missingPackages(groups) {
  const wanted = JSON.parse(readFileSync(new URL('debian-packages.json', import.meta.url), 'utf8')).filter((entry) =>
    groups.includes(entry.group),
  );
  const names = wanted.map((entry) => entry.package);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const { code, output } = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...names], {
    capture: true,
    env: { LC_ALL: 'C' },
  });
  if (code === 127)
    throw new SetupError('this is not a Debian system (no dpkg-query). Use Debian 12 or 13, e.g. in a container.');
  const installed = new Set(
    output.split('\n').flatMap((line) => (/^\S+ installed$/.test(line) ? [line.split(' ')[0]] : [])),
  );
  return wanted.filter((entry) => !installed.has(entry.package));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await setUp(['build', 'emulate']);
    return 0;
  });
}
