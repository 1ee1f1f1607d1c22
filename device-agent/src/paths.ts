/** Prefix of every path below; set only where the agent runs on a developer's machine. */
const root = process.env.NODEOS_ROOT ?? '';

/** Where things are on a device. init has mounted all of it before the agent starts. */
export const PATHS = Object.freeze({
  bootFacts: `${root}/run/nodeos/boot`,
  slot: `${root}/run/nodeos/slot`,
  lowerRoot: `${root}/run/nodeos/root`,
  resolvConf: `${root}/run/nodeos/dns/resolv.conf`,
  dhcpcdConfig: `${root}/run/nodeos/dhcpcd.conf`,
  dhcpLeases: `${root}/var/lib/dhcpcd`,
  wpaSupplicantConfig: `${root}/run/nodeos/wifi/wpa_supplicant.conf`,
  fleetFile: `${root}/boot/fleet.json`,
  state: `${root}/data/.system/agent`,
  users: `${root}/data/users`,
  replHomes: `${root}/run/nodeos/repl`,
  development: `${root}/run/nodeos/development`,
  launcher: `${root}/usr/lib/nodeos/launcher`,
  native: `${root}/usr/lib/nodeos/nodeos.node`,
  dhcpcd: `${root}/usr/sbin/dhcpcd`,
  wpaSupplicant: `${root}/usr/sbin/wpa_supplicant`,
  /** As an app sees them in its own root. */
  appNode: '/usr/bin/node',
  appPreload: '/usr/lib/nodeos/app-preload.cjs',
  gpioPreload: '/usr/lib/nodeos/gpio-preload.cjs',
  appCgroups: `${root}/sys/fs/cgroup/apps`,
  interfaces: `${root}/sys/class/net`,
  hostname: `${root}/proc/sys/kernel/hostname`,
  proc: `${root}/proc`,
  /** What apps see as /proc/cpuinfo where the kernel's lacks the board's revision. */
  cpuinfo: `${root}/run/nodeos/cpuinfo`,
  devices: `${root}/dev`,
  leds: `${root}/sys/class/leds`,
  thermal: `${root}/sys/class/thermal`,
  frameBuffer: `${root}/dev/fb0`,
  graphics: `${root}/sys/class/graphics/fb0`,
  vtConsoles: `${root}/sys/class/vtconsole`,
});
