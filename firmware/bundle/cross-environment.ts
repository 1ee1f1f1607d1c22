import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Board, boardAbi } from '@nodeos/contracts/board.ts';
import type { BuildContext } from '../context.ts';
import { boardToolchain } from '../layers/toolchain.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';
import { nodeHeaders } from './node-headers.ts';

/** Tools that builds know by a variable, and their names after the cross prefix. */
const TOOLS = {
  CC: 'gcc',
  CXX: 'g++',
  CPP: 'cpp',
  AR: 'ar',
  AS: 'as',
  LD: 'ld',
  NM: 'nm',
  OBJCOPY: 'objcopy',
  OBJDUMP: 'objdump',
  RANLIB: 'ranlib',
  READELF: 'readelf',
  STRIP: 'strip',
} as const;

/** The names of processors in Go. */
const GO_PROCESSORS: Readonly<Record<Board['architecture']['debian'], Readonly<Record<string, string>>>> = {
  amd64: { GOARCH: 'amd64' },
  i386: { GOARCH: '386' },
  arm64: { GOARCH: 'arm64' },
  armhf: { GOARCH: 'arm', GOARM: '7' },
  armel: { GOARCH: 'arm', GOARM: '6,softfloat' },
};

/**
 * The variables with which make, configure scripts, pkg-config, npm, node-gyp and Go build programs for a board.
 * @throws NodeosError TOOL_MISSING, HOST_UNSUPPORTED, those of the sources (Node's headers)
 */
export async function crossEnvironment(context: BuildContext, board: Board): Promise<Record<string, string>> {
  const toolchain = await boardToolchain(context, board);
  const headers = await nodeHeaders(context, board);
  const { node, debian } = board.architecture;
  const prefix = toolchain.crossPrefix;
  const flags = toolchain.flags.join(' ');
  const sysroot = await findSysroot(context, board);
  return {
    NODEOS_BOARD: board.name,
    NODEOS_ABI: boardAbi(board),
    ...Object.fromEntries(Object.entries(TOOLS).map(([name, tool]) => [name, `${prefix}${tool}`])),
    CFLAGS: flags,
    CXXFLAGS: flags,
    LDFLAGS: flags,
    // Programs that a build makes in order to run them itself.
    CC_host: 'gcc',
    CXX_host: 'g++',
    AR_host: 'ar',
    CC_FOR_BUILD: 'gcc',
    CROSS_COMPILE: prefix,
    HOST_TRIPLET: boardLibraries(board).compiler,
    SYSROOT: sysroot,
    ...pkgConfig(board, sysroot),
    CGO_ENABLED: '1',
    GOOS: 'linux',
    ...GO_PROCESSORS[debian],
    npm_config_arch: node,
    npm_config_target_arch: node,
    npm_config_platform: 'linux',
    npm_config_target_platform: 'linux',
    npm_config_cpu: node,
    npm_config_os: 'linux',
    npm_config_libc: 'glibc',
    npm_config_nodedir: headers.folder,
    npm_config_target: headers.version,
    // Install scripts that would fetch a binary for this machine compile instead.
    npm_config_build_from_source: 'true',
  };
}

/** Folder that holds the `include` and `lib` of the board's C library: Debian's cross packages have one for each. */
async function findSysroot(context: BuildContext, board: Board): Promise<string> {
  const { crossPrefix } = board.architecture;
  const cross = join('/usr', boardLibraries(board).compiler);
  if (crossPrefix !== '' && existsSync(join(cross, 'include'))) return cross;
  const { stdout } = await runTool(`${crossPrefix}gcc`, ['-print-sysroot'], { signal: context.signal });
  return stdout.toString().trim() || '/';
}

/** Only libraries for the board: pkg-config would else name those of this machine. */
function pkgConfig(board: Board, sysroot: string): Record<string, string> {
  const { triplet } = boardLibraries(board);
  const folders = [join(sysroot, 'lib/pkgconfig'), join('/usr/lib', triplet, 'pkgconfig'), '/usr/share/pkgconfig'];
  return { PKG_CONFIG_PATH: '', PKG_CONFIG_LIBDIR: folders.join(':') };
}
