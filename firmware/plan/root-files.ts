import type { Board } from '@nodeos/contracts/board.ts';

/** Something in the root and where it comes from. */
export interface RootFile {
  /** Absolute path in the root. */
  readonly path: string;
  /** Debian package, `node`, or the folder of this repository it is made from. */
  readonly source: string;
}

type DebianArchitecture = Board['architecture']['debian'];

interface Libraries {
  /** Multiarch folder below /usr/lib. */
  readonly triplet: string;
  /** The program interpreter that every dynamic program names (each ABI's psABI supplement). */
  readonly loader: string;
  /** What gcc -dumpmachine says of a compiler for it. */
  readonly compiler: string;
}

const LIBRARIES: Readonly<Record<DebianArchitecture, Libraries>> = {
  amd64: { triplet: 'x86_64-linux-gnu', loader: '/lib64/ld-linux-x86-64.so.2', compiler: 'x86_64-linux-gnu' },
  // The multiarch name stays with the oldest processor, the compiler's does not (Debian Policy 11.1.1).
  i386: { triplet: 'i386-linux-gnu', loader: '/lib/ld-linux.so.2', compiler: 'i686-linux-gnu' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: '/lib/ld-linux-aarch64.so.1', compiler: 'aarch64-linux-gnu' },
  armhf: { triplet: 'arm-linux-gnueabihf', loader: '/lib/ld-linux-armhf.so.3', compiler: 'arm-linux-gnueabihf' },
  armel: { triplet: 'arm-linux-gnueabi', loader: '/lib/ld-linux.so.3', compiler: 'arm-linux-gnueabi' },
};

export function boardLibraries(board: { readonly architecture: Pick<Board['architecture'], 'debian'> }): Libraries {
  return LIBRARIES[board.architecture.debian];
}

/** Packages that every root is made of; only the files below and the libraries that they need are taken. */
const ROOT_PACKAGES = [
  'ca-certificates',
  'dhcpcd-base',
  'e2fsprogs',
  'gcc-14-base',
  'libatomic1',
  'libblkid1',
  'libc6',
  'libcom-err2',
  'libext2fs2t64',
  'libgcc-s1',
  'libmd0',
  'libstdc++6',
  'libuuid1',
  'tzdata',
] as const;

/** Debian's Node.js: its program is small, what it does stands in libraries, and some of its JavaScript in packages. */
const DEBIAN_NODE_PACKAGES = [
  'libbrotli1',
  'libcares2',
  'libicu76',
  'libnghttp2-14',
  'libnode115',
  'libssl3t64',
  'libuv1t64',
  'libzstd1',
  'node-acorn',
  'node-cjs-module-lexer',
  'node-minimatch',
  'node-undici',
  'nodejs',
  'zlib1g',
] as const;

/**
 * The program that joins WiFi networks, and what it is linked with: of D-Bus, smart cards and systemd the libraries
 * alone, without which it does not start. Its ciphers are OpenSSL's, which dhcpcd uses then too (layers/digests.ts).
 */
const WIFI_PACKAGES = [
  'libcap2',
  'libdbus-1-3',
  'libnl-3-200',
  'libnl-genl-3-200',
  'libnl-route-3-200',
  'libpcsclite1',
  'libssl3t64',
  'libsystemd0',
  'libzstd1',
  'wpasupplicant',
  'zlib1g',
] as const;

/** Packages that a board's root is made of. */
export function rootPackages(board: Pick<Board, 'node' | 'wifi' | 'driverFirmware'>): string[] {
  const node = board.node.source === 'debian' ? DEBIAN_NODE_PACKAGES : [];
  const wifi = board.wifi ? WIFI_PACKAGES : [];
  const firmware = board.driverFirmware.map((item) => item.package);
  return [...new Set([...ROOT_PACKAGES, ...node, ...wifi, ...firmware])].sort();
}

/** Programs of Debian in the root. There is no shell: nothing here needs one. */
const ROOT_PROGRAMS: readonly RootFile[] = [
  { path: '/usr/sbin/dhcpcd', source: 'dhcpcd-base' },
  { path: '/usr/sbin/e2fsck', source: 'e2fsprogs' },
  { path: '/usr/sbin/mke2fs', source: 'e2fsprogs' },
  { path: '/usr/sbin/resize2fs', source: 'e2fsprogs' },
];
const WIFI_PROGRAM: RootFile = { path: '/usr/sbin/wpa_supplicant', source: 'wpasupplicant' };

export function rootPrograms(board: Pick<Board, 'wifi'>): readonly RootFile[] {
  return board.wifi ? [...ROOT_PROGRAMS, WIFI_PROGRAM] : ROOT_PROGRAMS;
}

/**
 * Node stands in a folder of its own with its licence, as in its own archives. It is compressed once and the rest of the
 * root is appended, which mksquashfs does only for names at the top that are new.
 */
export const NODE_FOLDER = '/opt/node';
/** Libraries of Debian's Node; the loader finds them through links in its own folder. */
export const NODE_LIBRARY_FOLDER = `${NODE_FOLDER}/lib`;
const NODE_PATH = '/usr/bin/node';

/** Ours. */
export const NODEOS_FOLDER = '/usr/lib/nodeos';
const ROOT_OWN_FILES: readonly RootFile[] = [
  { path: `${NODEOS_FOLDER}/agent.js`, source: 'device-agent/src' },
  { path: `${NODEOS_FOLDER}/app-preload.cjs`, source: 'device-agent/src' },
  { path: `${NODEOS_FOLDER}/gpio.cjs`, source: 'gpio/src' },
  { path: `${NODEOS_FOLDER}/gpio-onoff.cjs`, source: 'gpio/src' },
  { path: `${NODEOS_FOLDER}/gpio-preload.cjs`, source: 'gpio/src' },
  { path: `${NODEOS_FOLDER}/gpio-rpi-gpio.cjs`, source: 'gpio/src' },
  { path: `${NODEOS_FOLDER}/gpio.node`, source: 'gpio/native' },
  { path: `${NODEOS_FOLDER}/nodeos.node`, source: 'device-agent/native' },
  { path: `${NODEOS_FOLDER}/npm.cjs`, source: 'device-agent/src' },
  { path: `${NODEOS_FOLDER}/npm.cjs.LEGAL.txt`, source: 'device-agent/src' },
  { path: `${NODEOS_FOLDER}/launcher`, source: 'firmware/init' },
];

/**
 * Libraries that native addons of apps are linked with, beside those that our own programs need: the C library's parts
 * that once were files of their own, and atomics for processors without 64-bit ones.
 */
export const ADDON_LIBRARIES = [
  'libatomic.so.1',
  'libdl.so.2',
  'libm.so.6',
  'libpthread.so.0',
  'libresolv.so.2',
  'librt.so.1',
  'libutil.so.1',
] as const;

/** All that addons may count on in every root, beside the loader. */
export const ROOT_LIBRARIES = [...ADDON_LIBRARIES, 'libc.so.6', 'libgcc_s.so.1', 'libstdc++.so.6'] as const;

export interface RootFolder {
  readonly path: string;
  readonly mode: number;
}

/** Empty folders: mount points, and what the overlay fills. */
export const ROOT_FOLDERS: readonly RootFolder[] = [
  ...['/app', '/boot', '/data', '/dev', '/etc', '/home', '/proc', '/run', '/srv', '/sys', '/usr', '/var'].map(
    (path) => ({ path, mode: 0o755 }),
  ),
  ...['/usr/lib/dhcpcd', '/var/cache', '/var/lib', '/var/lib/dhcpcd', '/var/log'].map((path) => ({
    path,
    mode: 0o755,
  })),
  { path: '/root', mode: 0o700 },
  { path: '/tmp', mode: 0o1777 },
  { path: '/var/tmp', mode: 0o1777 },
];

/** Debian's merged /usr, the time zone, and the resolver's file that init and the agent keep in RAM. */
export const ROOT_LINKS: Readonly<Record<string, string>> = {
  '/bin': 'usr/bin',
  '/sbin': 'usr/sbin',
  '/lib': 'usr/lib',
  [NODE_PATH]: `../..${NODE_FOLDER}/bin/node`,
  '/usr/bin/npm': '../lib/nodeos/npm.cjs',
  '/var/run': '../run',
  '/etc/localtime': '/usr/share/zoneinfo/Etc/UTC',
  '/etc/resolv.conf': '/run/nodeos/dns/resolv.conf',
  '/etc/mtab': '/proc/self/mounts',
  '/usr/sbin/fsck.ext4': 'e2fsck',
  '/usr/sbin/mkfs.ext4': 'mke2fs',
  // Above every app's own folder: `@nodeos/gpio` is found by apps that do not bring it.
  '/node_modules/@nodeos/gpio/index.js': `../../..${NODEOS_FOLDER}/gpio.cjs`,
};

/** Links of one board's root: where its loader is looked for, and where Debian's OpenSSL looks for certificates. */
export function boardLinks(board: Pick<Board, 'architecture' | 'node'>): Record<string, string> {
  const { loader, triplet } = boardLibraries(board);
  const name = loader.split('/').at(-1) ?? '';
  return {
    ...(loader.startsWith('/lib64/') && { '/lib64': 'usr/lib64' }),
    // The loader's path goes through /lib or /lib64, which are links into /usr.
    [`/usr${loader}`]: loader.startsWith('/lib64/') ? `../lib/${triplet}/${name}` : `${triplet}/${name}`,
    ...(board.node.source === 'debian' && {
      '/usr/lib/ssl/cert.pem': '/etc/ssl/certs/ca-certificates.crt',
      '/usr/lib/ssl/certs': '/etc/ssl/certs',
    }),
  };
}

const NO_LOGIN = '/usr/sbin/nologin';

/** Text files of /etc. dhcpcd gives up its rights to its own user, as Debian's does. */
export const ROOT_TEXTS: Readonly<Record<string, string>> = {
  '/etc/passwd': [
    `root:x:0:0:root:/root:${NO_LOGIN}`,
    `dhcpcd:x:100:65534:DHCP client:/usr/lib/dhcpcd:${NO_LOGIN}`,
    `nobody:x:65534:65534:nobody:/nonexistent:${NO_LOGIN}`,
    '',
  ].join('\n'),
  '/etc/group': 'root:x:0:\ntty:x:5:\ndisk:x:6:\ndialout:x:20:\nvideo:x:44:\ngpio:x:997:\nnogroup:x:65534:\n',
  '/etc/hosts': '127.0.0.1 localhost\n::1 localhost ip6-localhost\n',
  '/etc/hostname': 'nodeos\n',
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nservices: files\n',
  '/etc/os-release': 'NAME=NodeOS\nID=nodeos\nPRETTY_NAME=NodeOS\n',
};

/** `/etc/nodeos/system.argv`: the command that init starts, one argument a line. */
export function systemArguments(board: Pick<Board, 'node'>): string {
  return `${[NODE_PATH, ...board.node.systemFlags, `${NODEOS_FOLDER}/agent.js`].join('\n')}\n`;
}

/** The same for the barebones layer: Node's own prompt on the console. */
export function replArguments(): string {
  return `${NODE_PATH}\n--interactive\n`;
}

/** Everything in the root with its source, for `--dry-run`; libraries are found when it is built. */
export function planRoot(board: Board): RootFile[] {
  const { triplet } = boardLibraries(board);
  const official = board.node.source === 'official';
  return [
    { path: `${NODE_FOLDER}/bin/node`, source: official ? 'official Node.js binary' : 'nodejs' },
    { path: `${NODE_FOLDER}/LICENSE`, source: official ? 'official Node.js archive' : 'libnode115' },
    ...(official
      ? []
      : [
          { path: `${NODE_LIBRARY_FOLDER}/*.so*`, source: 'libnode115 and the libraries that it needs' },
          { path: '/usr/share/nodejs', source: 'node-acorn, node-cjs-module-lexer, node-minimatch, node-undici' },
        ]),
    ...rootPrograms(board),
    ...ROOT_OWN_FILES,
    { path: `/usr/lib/${triplet}/*.so*`, source: 'libraries that the programs need' },
    { path: '/etc/ssl/certs/ca-certificates.crt', source: 'ca-certificates' },
    { path: '/usr/share/zoneinfo', source: 'tzdata' },
    { path: '/usr/share/doc', source: 'copyright files of the packages' },
    ...Object.keys(ROOT_TEXTS).map((path) => ({ path, source: 'firmware/plan/root-files.ts' })),
    { path: '/etc/nodeos/system.argv', source: 'firmware/plan/root-files.ts' },
    ...board.driverFirmware.flatMap((item) =>
      item.files.map((file) => ({ path: deviceFirmwarePath(file), source: item.package })),
    ),
  ];
}

/**
 * Where a file of a package with firmware is put. Debian keeps variants of one file side by side and lets
 * update-alternatives link one of them under the true name.
 */
export function deviceFirmwarePath(path: string): string {
  return `/${path.replace(/(regulatory\.db(?:\.p7s)?)-(?:debian|upstream)$/, '$1')}`;
}
