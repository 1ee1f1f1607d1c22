/** Name of the program in the bundle. */
export const RUNNER_FILE = 'nodeos-dev.cjs';
/** Where the synced files lie, as the app sees them. */
export const DEVICE_FOLDER = '/.nodeos-dev/app';
/** Begins each line that is meant for the command, among whatever else an interactive Node.js prints. */
export const MARK = '\u0001nodeos-dev ';

/**
 * The program that takes the app's place on a device: it starts the synced files and starts them again on request. As a
 * module, loaded by an interactive Node.js of the same user, it receives the files. It needs nothing but Node.js.
 */
export const RUNNER_SOURCE = String.raw`'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');

const HOME = process.env.NODEOS_DEV_HOME || '/.nodeos-dev';
const APP = path.join(HOME, 'app');
const SOCKET = path.join(HOME, 'socket');
const MARK = '\u0001nodeos-dev ';
const STOP_GRACE_MS = 1000;
const LISTEN_STEP_MS = 20;
const LISTEN_LIMIT_MS = 20000;
const RUNNER_LIMIT_MS = 15000;

function prepare() {
  fs.mkdirSync(APP, { recursive: true });
  const link = path.join(APP, 'node_modules');
  fs.rmSync(link, { recursive: true, force: true });
  // Modules are found through the link's target, so they find one another in the bundle.
  fs.symlinkSync(path.join(__dirname, 'node_modules'), link);
}

function run() {
  const start = JSON.parse(process.env.NODEOS_DEV_START);
  const environment = { ...process.env, NODE_ENV: 'development' };
  delete environment.NODEOS_DEV_START;
  const channel = Number(process.env.NODEOS_CHANNEL_FD);
  let child = null;

  function launch() {
    const [program, ...rest] = start;
    const isNode = program === 'node';
    const args = isNode ? ['--enable-source-maps', ...rest] : rest;
    const stdio = ['ignore', 'inherit', 'inherit'];
    if (channel > 2) for (let fd = 3; fd <= channel; fd++) stdio.push(fd === channel ? fd : 'ignore');
    const mine = spawn(isNode ? process.execPath : program, args, { cwd: APP, env: environment, stdio });
    mine.on('error', (error) => console.error('[dev] ' + error.message));
    mine.on('exit', (code, signal) => {
      if (child !== mine) return;
      child = null;
      console.error('[dev] the app ended with ' + (signal || 'code ' + code) + '; it is started again after the next change');
    });
    child = mine;
  }

  function stop() {
    const old = child;
    child = null;
    if (!old || old.exitCode !== null || old.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => old.kill('SIGKILL'), STOP_GRACE_MS);
      old.once('exit', () => { clearTimeout(timer); resolve(); });
      old.kill('SIGTERM');
    });
  }

  async function restart() {
    const began = Date.now();
    await stop();
    launch();
    const mine = child;
    const port = Number(process.env.PORT);
    while (port > 0 && child === mine && Date.now() - began < LISTEN_LIMIT_MS && !(await accepts(port)))
      await new Promise((resolve) => setTimeout(resolve, LISTEN_STEP_MS));
    return { restarted: true, running: child === mine, milliseconds: Date.now() - began };
  }

  prepare();
  fs.rmSync(SOCKET, { force: true });
  let queue = Promise.resolve();
  net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      queue = queue.then(restart).then((answer) => socket.end(JSON.stringify(answer) + '\n'));
    });
  }).listen(SOCKET);
  process.on('SIGTERM', () => void stop().then(() => process.exit()));
  if (fs.readdirSync(APP).length > 1) launch();
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

function hashes(folder = APP, found = {}) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const whole = path.join(folder, entry.name);
    if (entry.isDirectory()) hashes(whole, found);
    else if (entry.isFile())
      found[path.relative(APP, whole)] = createHash('sha256').update(fs.readFileSync(whole)).digest('hex');
  }
  return found;
}

function inside(name) {
  const whole = path.resolve(APP, name);
  if (!whole.startsWith(APP + path.sep)) throw new Error(name + ' is not below the app');
  return whole;
}

function obey(message) {
  if (message.put !== undefined) {
    const whole = inside(message.put);
    fs.mkdirSync(path.dirname(whole), { recursive: true });
    fs.writeFileSync(whole + '.new', Buffer.from(message.data, 'base64'), { mode: message.executable ? 0o755 : 0o644 });
    fs.renameSync(whole + '.new', whole);
  }
  if (message.remove !== undefined) fs.rmSync(inside(message.remove), { force: true });
  if (message.restart) askForRestart(Date.now() + RUNNER_LIMIT_MS);
}

/** The program that runs the app may have begun just now. */
function askForRestart(end) {
  const socket = net.connect(SOCKET, () => socket.write('restart\n'));
  let answer = '';
  socket.on('data', (data) => { answer += data; });
  socket.on('end', () => say(JSON.parse(answer)));
  socket.on('error', (error) => {
    if (Date.now() < end) setTimeout(() => askForRestart(end), LISTEN_STEP_MS);
    else say({ error: error.message });
  });
}

function say(message) {
  process.stdout.write('\n' + MARK + JSON.stringify(message) + '\n');
}

/** Takes the input away from the interactive Node.js that loaded this. */
function receive() {
  const input = process.stdin;
  for (const event of ['data', 'end', 'keypress']) input.removeAllListeners(event);
  input.on('end', () => process.exit());
  let partial = '';
  input.setEncoding('utf8');
  input.on('data', (text) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop();
    for (const line of lines) {
      if (line.trim() === '') continue;
      try {
        obey(JSON.parse(line));
      } catch (error) {
        say({ error: error.message });
      }
    }
  });
  input.resume();
  fs.mkdirSync(APP, { recursive: true });
  say({ files: hashes() });
}

exports.receive = receive;
if (require.main === module) run();
`;
