#!/usr/bin/env node
// Plain JavaScript for Node 20: the rest needs Node 24, which the npm package `node` brings along.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) await runHere();
else await runWithOwnNode();

async function runHere() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const compiled = join(root, 'dist', 'main.js');
  const source = join(root, 'main.ts');
  const { main } = await import(pathToFileURL(existsSync(source) ? source : compiled).href);
  await main();
}

async function runWithOwnNode() {
  const node = findNode();
  if (!node) {
    console.error(
      `error HOST_UNSUPPORTED: Node.js ${process.version} is too old, and the npm package "node" is not installed`,
    );
    console.error(
      `  next: Use Node.js ${NEEDED_MAJOR}, or install again with install scripts allowed: npm rebuild node`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; a signal by process id reaches only this one and must be handed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal]));
  });
  process.exit(code);
}

function findNode() {
  const require = createRequire(import.meta.url);
  const runtime = `node-${process.platform}-${process.arch}`;
  const packages = [];
  for (const name of ['node', runtime]) {
    try {
      packages.push(dirname(require.resolve(`${name}/package.json`)));
    } catch {
      // Not installed beside this package.
    }
  }
  const candidates = packages.flatMap((folder) => [folder, join(folder, 'node_modules', runtime)]);
  return candidates.map((folder) => join(folder, 'bin', 'node')).find((path) => existsSync(path));
}
