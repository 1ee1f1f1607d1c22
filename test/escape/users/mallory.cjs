#!/usr/bin/node
// Attacks on demand: answers with [step, how it ended] pairs.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');

const attempt = (step, work) => {
  try {
    return [step, work() ?? 'done'];
  } catch (error) {
    return [step, error.code ?? error.message];
  }
};
const all = (steps) => Object.entries(steps).map(([step, work]) => attempt(step, work));
const read = (path) => () => void fs.readFileSync(path);
const write =
  (path, text = '1') =>
  () =>
    void fs.writeFileSync(path, text);
const list = (path) => () => {
  const names = fs.readdirSync(path);
  return names.length === 0 ? 'empty' : `shows ${names.join(' ')}`;
};
const reach = (address) =>
  new Promise((resolve) => {
    const socket = net.connect(address, () => resolve('reached')).on('error', (error) => resolve(error.code));
    socket.unref();
  });

const through = (target) => () => {
  fs.rmSync('/link', { force: true });
  fs.symlinkSync(target, '/link');
  fs.readFileSync('/link');
};

/** Swaps a folder and a link to the system's data while it opens a path through it. */
function race() {
  fs.mkdirSync('/tmp/real', { recursive: true });
  fs.writeFileSync('/tmp/real/state.json', 'mine');
  let outside = 0;
  for (let turn = 0; turn < 500; turn++) {
    fs.rmSync('/tmp/door', { force: true });
    fs.symlinkSync(turn % 2 ? '/tmp/real' : '/data/.system/agent', '/tmp/door');
    try {
      if (fs.readFileSync('/tmp/door/state.json', 'utf8') !== 'mine') outside++;
    } catch (error) {
      if (error.code !== 'ENOENT') outside++;
    }
  }
  return outside === 0 ? 'leads nowhere' : `led out ${outside} times`;
}

/** libuv has no name for EDQUOT. */
const nameOf = ({ code, errno }) => (errno === -122 ? 'EDQUOT' : code);

/** Empty ones: each takes an inode. */
function makeFiles() {
  fs.mkdirSync('/many');
  try {
    for (let at = 0; at < 1_000_000; at++) fs.writeFileSync(`/many/${at}`, '');
    return 'no end';
  } catch (error) {
    return nameOf(error);
  } finally {
    fs.rmSync('/many', { recursive: true });
  }
}

function fillDisk() {
  const block = Buffer.alloc(1 << 20, 1);
  const file = fs.openSync('/fill', 'w');
  try {
    for (;;) fs.writeSync(file, block);
  } catch (error) {
    // The last blocks too.
    for (let size = 1 << 19; size >= 512; size >>= 1) {
      try {
        for (;;) fs.writeSync(file, block, 0, size);
      } catch {}
    }
    return nameOf(error);
  } finally {
    // An open file keeps its blocks after its name is gone.
    fs.closeSync(file);
  }
}

const startedAt = Date.now();
const ATTACKS = {
  started: () => [['started', String(startedAt)]],
  links: () =>
    all({
      'a link to alice’s secret': through('/data/users/alice/secret'),
      'a link to the system’s state': through('/data/.system/agent/state.json'),
      'a link up and out': through(`${'../'.repeat(64)}data/users/alice/secret`),
      'a hard link to a file of the root': () => fs.linkSync('/usr/lib/nodeos/agent.js', '/tmp/agent.js'),
      'a link in place of /proc': () => fs.renameSync('/proc', '/proc2'),
      'a link in place of /tmp': () => fs.rmdirSync('/tmp'),
      'a link in place of /usr': () => fs.renameSync('/usr', '/usr2'),
    }),
  race: () => [['a path while it changes', race()]],
  homes: () =>
    all({
      '/data': list('/data'),
      '/home': list('/home'),
      '/boot': list('/boot'),
      '/sys/fs/cgroup': list('/sys/fs/cgroup'),
    }),
  proc: () =>
    all({
      core_pattern: write('/proc/sys/kernel/core_pattern', '|/hostile'),
      'sysrq-trigger': write('/proc/sysrq-trigger', 'b'),
      modprobe: write('/proc/sys/kernel/modprobe', '/hostile'),
      'host name': write('/proc/sys/kernel/hostname', 'mine'),
      ip_forward: write('/proc/sys/net/ipv4/ip_forward'),
      kcore: read('/proc/kcore'),
      kallsyms: read('/proc/kallsyms'),
      processes: () => {
        const own = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
        return own.length <= 3 ? 'shows its own only' : `shows ${own.length}`;
      },
    }),
  sys: () =>
    all({
      'power state': write('/sys/power/state', 'mem'),
      'reset a disk': write('/sys/block/vda/queue/read_ahead_kb'),
      uevent_helper: write('/sys/kernel/uevent_helper', '/hostile'),
      'export a GPIO line': write('/sys/class/gpio/export', '0'),
      'cgroup limits': write('/sys/fs/cgroup/apps/mallory/memory.max', 'max'),
    }),
  abstract: async () => [
    ['bob, who has a network of its own', await reach({ path: '\0bob' })],
    ['alice, who has the same network', await reach({ path: '\0alice' })],
  ],
  ports: async () => {
    const server = net.createServer();
    const bound = await new Promise((resolve) =>
      server.on('error', (error) => resolve(error.code)).listen(80, () => resolve('done')),
    );
    server.close();
    return [['port 80', bound]];
  },
  'fill-disk': () => [['blocks', fillDisk()]],
  'many-files': () => [['files', makeFiles()]],
  'free-disk': () => [['free', fs.rmSync('/fill') ?? 'done']],
};

const BY_PROGRAM = (name) =>
  new Promise((resolve) => {
    // A group of its own: what it leaves behind is ended with it.
    const child = spawn('/hostile', [name], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('exit', (code, signal) => {
      if (name !== 'spin') attempt('', () => process.kill(-child.pid, 'SIGKILL'));
      const steps = text
        .trim()
        .split('\n')
        .map((line) => line.split('\t'));
      resolve(code === 0 ? steps : [...steps, [name, `ended by ${signal ?? code}`]]);
    });
  });

http
  .createServer(async (request, response) => {
    const name = request.url.slice(1);
    const answer = await (ATTACKS[name]?.() ?? BY_PROGRAM(name));
    response.end(JSON.stringify(answer));
  })
  .listen(8082);
