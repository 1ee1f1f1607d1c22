// Loaded into the system process of the device under test before its own code: an access point at a radio of its own.
const { execFileSync, spawn } = require('node:child_process');
const { readFileSync, readlinkSync, statSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const TOOLS = '/data/tools';
const CONFIG = '/run/nodeos/wifi/wpa_supplicant.conf';

/** Before the agent looks: the radio of the access point must not be one of the device's. */
function startAccessPoint() {
  const env = { PATH: TOOLS, LD_LIBRARY_PATH: TOOLS };
  // A process of its own network, to which the second radio is moved; it waits for it there.
  const point = spawn(`${TOOLS}/busybox`, ['unshare', '-n', process.execPath, `${TOOLS}/serve-network.cjs`], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  point.on('close', (code) => console.log(`ACCESS POINT ended with ${code}`));
  while (readlinkSync(`/proc/${point.pid}/ns/net`) === readlinkSync('/proc/self/ns/net'));
  execFileSync(`${TOOLS}/iw`, ['phy', 'phy1', 'set', 'netns', String(point.pid)], { env, stdio: 'inherit' });
}

/** Interface and metric of each default route: proc(5), /proc/net/route. */
function defaultRoutes() {
  const rows = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  const fields = rows.map((row) => row.split('\t'));
  return fields.filter(([, destination]) => destination === '00000000').map((row) => [row[0], Number(row[6])]);
}

function told() {
  try {
    return { mode: (statSync(CONFIG).mode & 0o777).toString(8), routes: defaultRoutes() };
  } catch {
    return null;
  }
}

if (isMainThread && process.ppid === 1) {
  startAccessPoint();
  let before = '';
  setInterval(() => {
    const now = JSON.stringify(told());
    if (now !== before) console.log(`WIFI ${now}`);
    before = now;
  }, 500).unref();
}
