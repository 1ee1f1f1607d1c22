import { existsSync } from 'node:fs';
import { copyFile, cp, glob, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { assetPath } from '../assets.ts';
import { type Artefact, cached, hashFile } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import {
  assertKept,
  assertKnown,
  formatOptions,
  type KernelOption,
  kconfigSymbols,
  mergeOptions,
  parseConfig,
  parseFragment,
} from '../plan/kernel-options.ts';
import { runTool } from '../run-tool.ts';
import { COMMON_ARCHIVE } from '../sources/board-packages.ts';
import { type DebianPackage, extractPackage, fetchDebianPackages } from '../sources/debian-packages.ts';

export type KernelArchitecture = 'x86_64' | 'i386' | 'arm64' | 'arm';

/** The kernel's name for a board's architecture. */
export function kernelArchitecture(board: {
  readonly kernel: 'x86' | 'arm' | 'arm64';
  readonly node: string;
}): KernelArchitecture {
  if (board.kernel !== 'x86') return board.kernel;
  return board.node === 'x64' ? 'x86_64' : 'i386';
}

export interface KernelRequest {
  readonly arch: KernelArchitecture;
  /** Debian package with the source; default `linux-source-6.12`. */
  readonly source?: string;
  /** Paths relative to kernel-configs/. */
  readonly fragments: readonly string[];
  /** Paths relative to kernel-configs/, applied in this order after those that stand directly in patches/. */
  readonly patches: readonly string[];
  /** Prefix of the cross tools, e.g. `aarch64-linux-gnu-`; empty for the host's own. */
  readonly crossCompile?: string;
}

interface ArchitectureFacts {
  /** Folders of arch/ that the build reads. */
  readonly folders: readonly string[];
  readonly target: string;
  readonly image: string;
  /** Folder with the device trees of every machine of the fragments' platforms; null where firmware describes the machine. */
  readonly deviceTrees: string | null;
}

const ARCHITECTURES: Readonly<Record<KernelArchitecture, ArchitectureFacts>> = {
  x86_64: { folders: ['x86'], target: 'bzImage', image: 'arch/x86/boot/bzImage', deviceTrees: null },
  i386: { folders: ['x86'], target: 'bzImage', image: 'arch/x86/boot/bzImage', deviceTrees: null },
  arm64: {
    // Parts of it are shared with 32-bit Arm.
    folders: ['arm64', 'arm'],
    target: 'Image',
    image: 'arch/arm64/boot/Image',
    deviceTrees: 'arch/arm64/boot/dts',
  },
  arm: { folders: ['arm'], target: 'zImage', image: 'arch/arm/boot/zImage', deviceTrees: 'arch/arm/boot/dts' },
};

const ALL_ARCH_FOLDERS =
  'alpha arc arm arm64 csky hexagon loongarch m68k microblaze mips nios2 openrisc parisc powerpc riscv s390 sh sparc um x86 xtensa'.split(
    ' ',
  );

/** Half of the source tree is register lists of graphics cards, documents and test programs. */
const UNUSED_SOURCES = [
  '*/drivers/gpu/drm/amd/*.[ch]',
  '*/drivers/gpu/drm/nouveau/*.[ch]',
  '*/drivers/accel/*.[ch]',
  '*/drivers/infiniband/*.[ch]',
  '*/drivers/media/*.[ch]',
  '*/sound/pci/*.[ch]',
  '*/Documentation/*.rst',
  '*/Documentation/*.svg',
  '*/Documentation/*.yaml',
  '*/tools/perf/*',
  '*/tools/testing/*',
] as const;

/** Device trees include those of other architectures; boards that have them show pictures by drivers that bring sound along. */
const UNUSED_WITHOUT_DEVICE_TREES = ['*/arch/*.dts', '*/arch/*.dtsi', '*/sound/*.[ch]'] as const;

/** Raise when the steps below change what they produce. */
const RECIPE = 1;
/** Lines that make prints for a kernel of these fragments; replaced by the count of the last build. */
const TYPICAL_LINES = 3000;

/**
 * Builds a kernel without modules from Debian's source and the fragments' options, and with it the device trees of
 * every machine that the fragments' platforms have: so boards of one kernel share it whatever device trees they name,
 * and a board for another machine of a platform needs no new kernel. They take seconds, unpacking the source again more.
 * @returns a folder with `kernel`, `config`, `version` (release), `seconds` (of compiling) and, on Arm,
 *   `dtbs/<vendor>/<machine>.dtb` with the symbols that overlays refer to
 * @throws NodeosError INPUT_INVALID, KERNEL_OPTION_UNKNOWN, KERNEL_OPTION_DROPPED, TOOL_MISSING, TOOL_FAILED and those of the sources
 */
export async function buildKernel(context: BuildContext, request: KernelRequest): Promise<Artefact> {
  const facts = ARCHITECTURES[request.arch];
  const options = mergeOptions(await readFragments(request.fragments));
  const patches = await listPatches(request.patches);
  const compiler = await compilerVersion(context, request.crossCompile ?? '');
  const [source] = await fetchDebianPackages(context, {
    architecture: COMMON_ARCHIVE,
    packages: [request.source ?? 'linux-source-6.12'],
  });
  if (!source) throw new NodeosError('INTERNAL', 'the kernel source package is missing');
  const inputs = {
    recipe: RECIPE,
    arch: request.arch,
    source: source.sha256,
    options: options.map(({ name, value }) => [name, value]),
    patches: await Promise.all(patches.map((path) => hashFile(assetPath('kernel-configs', path)))),
    compiler,
  };
  return cached(context, 'kernel', inputs, async (dir) => {
    await assertElfHeaders(context);
    // Everything below `scratch` goes with the temporary folder, whether the build ends well or not.
    const scratch = join(dir, 'scratch');
    const tree = await unpackSource(context, source, facts, scratch);
    await applyPatches(context, tree, patches);
    const make = makeRunner(context, request, tree, await buildDate(join(scratch, 'package')));
    await configure(context, make, tree, options, source);
    const started = performance.now();
    await compile(context, make, request.arch, facts);
    const seconds = Math.round((performance.now() - started) / 1000);
    await copyFile(join(tree, OUTPUT, facts.image), join(dir, 'kernel'));
    if (facts.deviceTrees) await copyDeviceTrees(join(tree, OUTPUT, facts.deviceTrees), join(dir, 'dtbs'));
    await copyFile(join(tree, OUTPUT, '.config'), join(dir, 'config'));
    await copyFile(join(tree, OUTPUT, 'include/config/kernel.release'), join(dir, 'version'));
    await writeFile(join(dir, 'seconds'), `${seconds}\n`);
    await rm(scratch, { recursive: true });
  });
}

async function readFragments(paths: readonly string[]): Promise<KernelOption[][]> {
  return Promise.all(
    paths.map(async (path) => {
      assertExists(path, 'fragment');
      return parseFragment(await readFile(assetPath('kernel-configs', path), 'utf8'), path);
    }),
  );
}

/** Patches directly in kernel-configs/patches/ are for every kernel; a board names those in folders below. */
async function listPatches(named: readonly string[]): Promise<string[]> {
  for (const path of named) assertExists(path, 'patch');
  const every = (await readdir(assetPath('kernel-configs', 'patches')))
    .filter((name) => name.endsWith('.patch'))
    .sort();
  return [...every.map((name) => `patches/${name}`), ...named];
}

function assertExists(path: string, what: string): void {
  if (existsSync(assetPath('kernel-configs', path))) return;
  throw new NodeosError('INPUT_INVALID', `the kernel ${what} kernel-configs/${path} does not exist`, {
    hint: 'Correct the kernel field of the board file, or write the file.',
  });
}

async function compilerVersion(context: BuildContext, prefix: string): Promise<string[]> {
  const versions = ['gcc', 'ld'].map(async (tool) => {
    const { stdout } = await runTool(`${prefix}${tool}`, ['--version'], { signal: context.signal });
    return stdout.toString().split('\n')[0] ?? '';
  });
  return Promise.all(versions);
}

/** objtool, a program of the kernel's build, is linked with libelf; without its headers make fails late and obscurely. */
async function assertElfHeaders(context: BuildContext): Promise<void> {
  const input = '#include <gelf.h>\n';
  const result = await runTool('gcc', ['-E', '-x', 'c', '-'], { input, okCodes: [0, 1], signal: context.signal });
  if (result.code === 0) return;
  throw new NodeosError('TOOL_MISSING', 'the header gelf.h is not installed', {
    hint: 'Install it: apt-get install libelf-dev',
  });
}

async function unpackSource(
  context: BuildContext,
  source: DebianPackage,
  facts: ArchitectureFacts,
  scratch: string,
): Promise<string> {
  const release = source.version;
  context.progress({ step: 'kernel', message: `unpacking ${source.name} ${release}` });
  const unpacked = join(scratch, 'package');
  const tree = join(scratch, 'tree');
  await mkdir(tree, { recursive: true });
  await extractPackage(source, unpacked, context.signal);
  const archive = join(unpacked, 'usr/src', `${source.name}.tar.xz`);
  // Kconfig files stay: those of other architectures are named by common ones.
  const unused = ALL_ARCH_FOLDERS.filter((name) => !facts.folders.includes(name)).map(
    (name) => `${source.name}/arch/${name}/*.[chS]`,
  );
  const excludes = [...unused, ...UNUSED_SOURCES, ...(facts.deviceTrees ? [] : UNUSED_WITHOUT_DEVICE_TREES)];
  const args = ['-xJf', archive, '-C', tree, '--strip-components=1', '--no-same-owner', '--wildcards'];
  await runTool('tar', [...args, ...excludes.map((pattern) => `--exclude=${pattern}`)], { signal: context.signal });
  await rm(archive);
  return tree;
}

async function applyPatches(context: BuildContext, tree: string, patches: readonly string[]): Promise<void> {
  for (const path of patches) {
    const file = assetPath('kernel-configs', path);
    context.progress({ step: 'kernel', message: `applying ${path}` });
    await runTool('patch', ['-p1', '--forward', '--batch', '-i', file], { cwd: tree, signal: context.signal });
  }
}

/** Date of the source package's last change, the only date that goes into the kernel. */
async function buildDate(unpacked: string): Promise<Date> {
  for await (const file of glob(join(unpacked, 'usr/share/doc/*/changelog.Debian.gz'))) {
    const line = /^ -- .*> {2}(.*)$/m.exec(gunzipSync(await readFile(file)).toString());
    if (line?.[1] && !Number.isNaN(Date.parse(line[1]))) return new Date(line[1]);
  }
  throw new NodeosError('SOURCE_MISMATCH', 'the kernel source package holds no dated changelog');
}

/** As a child of the source tree, so that the compiler sees relative paths only and the bytes do not depend on the host's folders. */
const OUTPUT = 'build';

type Make = (
  targets: readonly string[],
  onLine?: (line: string) => void,
  environment?: Record<string, string>,
) => Promise<void>;

function makeRunner(context: BuildContext, request: KernelRequest, tree: string, date: Date): Make {
  const env = {
    SOURCE_DATE_EPOCH: String(date.getTime() / 1000),
    KBUILD_BUILD_TIMESTAMP: date.toUTCString(),
    KBUILD_BUILD_USER: 'nodeos',
    KBUILD_BUILD_HOST: 'nodeos',
    KBUILD_BUILD_VERSION: '1',
    // Flags that a packager's shell may carry would go into the kernel.
    KCFLAGS: '',
    MAKEFLAGS: '',
    LOCALVERSION: '',
  };
  const variables = [`O=${OUTPUT}`, `ARCH=${request.arch}`, `CROSS_COMPILE=${request.crossCompile ?? ''}`];
  return async (targets, onLine, environment) => {
    const args = [`-j${availableParallelism()}`, ...variables, ...targets];
    await runTool('make', args, { cwd: tree, signal: context.signal, env: { ...env, ...environment }, onLine });
  };
}

/** tinyconfig, then the options, then Kconfig's own completion; checked before the long compile starts. */
async function configure(
  context: BuildContext,
  make: Make,
  tree: string,
  options: readonly KernelOption[],
  source: DebianPackage,
): Promise<void> {
  context.progress({ step: 'kernel', message: `configuring ${options.length} options` });
  assertKnown(options, await knownSymbols(tree), `${source.name} ${source.version}`);
  await make(['tinyconfig']);
  const file = join(tree, OUTPUT, '.config');
  const asked = new Set(options.map((option) => option.name));
  const tiny = (await readFile(file, 'utf8')).split('\n').filter((line) => {
    const name = /^(?:# )?(CONFIG_\w+)/.exec(line)?.[1];
    return name === undefined || !asked.has(name);
  });
  await writeFile(file, `${tiny.join('\n')}\n${formatOptions(options)}`);
  await make(['olddefconfig']);
  assertKept(options, parseConfig(await readFile(file, 'utf8')));
}

async function knownSymbols(tree: string): Promise<Set<string>> {
  const known = new Set<string>();
  for await (const file of glob(join(tree, '**/Kconfig*'))) {
    if (/\/Kconfig[^/]*\.[ch]$/.test(file)) continue;
    for (const name of kconfigSymbols(await readFile(file, 'utf8'))) known.add(name);
  }
  return known;
}

/** Only the finished trees, below their vendors' names. */
async function copyDeviceTrees(from: string, to: string): Promise<void> {
  for await (const file of glob(join(from, '**/*.dtb'))) await cp(file, join(to, relative(from, file)));
}

async function compile(context: BuildContext, make: Make, arch: string, facts: ArchitectureFacts): Promise<void> {
  const memory = join(context.cacheRoot, 'kernel', `lines-${arch}`);
  const total = existsSync(memory) ? Number(await readFile(memory, 'utf8')) || TYPICAL_LINES : TYPICAL_LINES;
  let lines = 0;
  let shown = -1;
  const targets = facts.deviceTrees ? [facts.target, 'dtbs'] : [facts.target];
  const onLine = (): void => {
    lines += 1;
    const percent = Math.min(99, Math.floor((lines * 100) / total));
    if (percent === shown) return;
    shown = percent;
    context.progress({ step: 'kernel', message: 'compiling', percent });
  };
  // Symbols let the boot loader apply overlays.
  await make(targets, onLine, { DTC_FLAGS: '-@' });
  await writeFile(`${memory}.${process.pid}`, String(lines));
  await rename(`${memory}.${process.pid}`, memory);
}
