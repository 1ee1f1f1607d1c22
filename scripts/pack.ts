import { copyFile, cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { bundleAgent, writeAgent } from '../firmware/layers/agent.ts';
import { buildWeb } from '../ota-server/src/web-build.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CLI = join(ROOT, 'cli');
/** Used only to build what the published package holds ready-made: a dynamic import that is never reached there. */
const CLONE_ONLY = ['esbuild', 'vite'];

/** Data that the command reads: where it stands in the clone, which is also where it stands below share/. */
const SHARED = [
  'app',
  'boards',
  'kernel-configs',
  'firmware/digests',
  'firmware/init',
  'firmware/sources/lock.json',
  'device-agent/native',
  'display',
  'gpio/native',
  'examples',
  'cli/templates',
  'scripts/debian-packages.json',
];
const NOT_SHARED = /(^|\/)(node_modules|build|dist)$|\.test(ing)?\.[cm]?[tj]s$/;

/** Fills cli/dist, cli/share and the licence files, so that `npm pack -w cli` gives the published package. */
export async function packCommand(): Promise<void> {
  const externals = await compile(join(CLI, 'dist'));
  assertDeclared(externals, await declaredDependencies());
  await collectShare(join(CLI, 'share'));
  for (const name of ['LICENSE', 'NOTICE']) await copyFile(join(ROOT, name), join(CLI, name));
}

/**
 * Compiles the command with everything of the workspace into one folder; npm packages stay imports.
 * @returns the npm packages that the compiled code needs, sorted
 */
export async function compile(outdir: string): Promise<string[]> {
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { main: 'cli/main.ts' },
    outdir,
    bundle: true,
    // The server and the demo are chunks of their own: other verbs start without them.
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    plugins: [workspacePackages],
    metafile: true,
    logLevel: 'warning',
  });
  return neededPackages(
    metafile,
    await Promise.all(Object.keys(metafile.outputs).map((path) => readFile(join(ROOT, path), 'utf8'))),
  );
}

/** `@nodeos/firmware/x.ts` is compiled in, other packages are left to npm. */
const workspacePackages: Plugin = {
  name: 'workspace-packages',
  setup(compiler) {
    compiler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === 'entry-point') return undefined;
      const own = /^@nodeos\/([^/]+)\/(.+)$/.exec(path);
      return own ? { path: join(ROOT, own[1] as string, own[2] as string) } : { path, external: true };
    });
  },
};

function neededPackages(metafile: Metafile, texts: readonly string[]): string[] {
  const found = new Set<string>();
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  for (const { path, kind, external } of imports) {
    if (!external || path.startsWith('node:') || builtinModules.includes(path)) continue;
    const name = packageOf(path);
    if (!(kind === 'dynamic-import' && CLONE_ONLY.includes(name))) found.add(name);
  }
  // Packages that are used as folders of files are looked up by their package.json.
  for (const text of texts)
    for (const match of text.matchAll(/\.resolve\(["'`]([^"'`$]+)\/package\.json["'`]\)/g))
      found.add(match[1] as string);
  return [...found].sort();
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

async function declaredDependencies(): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(CLI, 'package.json'), 'utf8'));
  return Object.keys(manifest.dependencies).sort();
}

/** @throws Error naming packages that are used but not declared, or declared but not used */
export function assertDeclared(used: readonly string[], declared: readonly string[]): void {
  const missing = used.filter((name) => !declared.includes(name));
  // `node` runs the command itself: bin/nodeos.js looks for it.
  const idle = declared.filter((name) => !used.includes(name) && name !== 'node');
  if (missing.length > 0) throw new Error(`cli/package.json does not declare ${missing.join(', ')}`);
  if (idle.length > 0) throw new Error(`cli/package.json declares ${idle.join(', ')}, which nothing uses`);
}

/** Lays out share/ beside its place and moves it there whole. */
async function collectShare(share: string): Promise<void> {
  const fresh = `${share}.${process.pid}.tmp`;
  try {
    for (const path of SHARED) {
      await mkdir(dirname(join(fresh, path)), { recursive: true });
      const filter = (source: string): boolean => !NOT_SHARED.test(source);
      await cp(join(ROOT, path), join(fresh, path), { recursive: true, filter });
    }
    await writeAgent(await bundleAgent(), join(fresh, 'device-agent/dist'));
    await cp(await buildWeb(), join(fresh, 'ota-server/web/dist'), { recursive: true });
    await rm(share, { recursive: true, force: true });
    await rename(fresh, share);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Files below cli/ that only the packing made. */
export async function removePacked(): Promise<void> {
  for (const name of ['dist', 'share', 'LICENSE', 'NOTICE'])
    await rm(join(CLI, name), { recursive: true, force: true });
  for (const name of await readdir(CLI))
    if (/^share\.\d+\.tmp$/.test(name)) await rm(join(CLI, name), { recursive: true });
}

if (import.meta.main) await (process.argv.includes('--clean') ? removePacked() : packCommand());
