// The access point's own network: waits for its radio, then gives addresses in it and lets devices join.
const { execFileSync, spawn } = require('node:child_process');
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');

const TOOLS = '/data/tools';
const options = { env: { PATH: TOOLS, LD_LIBRARY_PATH: TOOLS }, stdio: 'inherit' };
const ip = (...words) => execFileSync(`${TOOLS}/busybox`, ['ip', ...words], options);

const waiting = setInterval(() => {
  if (!readFileSync('/proc/self/net/dev', 'utf8').includes('wlan1')) return;
  clearInterval(waiting);
  ip('link', 'set', 'lo', 'up');
  ip('address', 'add', '192.168.77.1/24', 'dev', 'wlan1');
  mkdirSync('/run/access-point', { recursive: true });
  writeFileSync('/run/access-point/leases', '');
  spawn(`${TOOLS}/busybox`, ['udhcpd', '-f', `${TOOLS}/udhcpd.conf`], options);
  const point = spawn(`${TOOLS}/hostapd`, [`${TOOLS}/hostapd.conf`], options);
  point.on('close', (code) => process.exit(code ?? 1));
}, 100);
