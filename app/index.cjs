'use strict';
// Talks to the device's agent in lines of JSON over a socket that the agent gives to the app. Where there is none, as on
// a developer's computer, every call is answered at once and has no effect.

const { EventEmitter } = require('node:events');
const net = require('node:net');

const LINE_MAX_CHARACTERS = 65_536;
/** Levels as the kernel's log and syslog number them. */
const LEVELS = { debug: 7, info: 6, warn: 4, error: 3 };

const fd = Number(process.env.NODEOS_CHANNEL_FD);
/** Children of the app have no channel of their own. */
delete process.env.NODEOS_CHANNEL_FD;
const socket = Number.isInteger(fd) && fd > 2 ? new net.Socket({ fd, readable: true, writable: true }) : null;

const events = new EventEmitter();
let configuration = Object.freeze({});
let holds = 0;
let holdAnswer = null;
let hello = () => {};
const helloReceived = socket
  ? new Promise((resolve) => {
      hello = resolve;
    })
  : Promise.resolve(null);

if (socket) {
  // The channel alone keeps no app alive.
  socket.unref();
  socket.on('error', () => {});
  socket.on('close', () => {
    hello(null);
    settleHold({ granted: true });
  });
  let partial = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop().slice(0, LINE_MAX_CHARACTERS);
    for (const line of lines) take(line);
  });
  say({ type: 'hello', format: 1 });
}

function say(message) {
  if (socket?.writable) socket.write(`${JSON.stringify(message)}\n`);
}

function take(line) {
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    return;
  }
  if (message.type === 'hello') {
    configuration = Object.freeze(message.configuration);
    hello(Object.freeze({ device: Object.freeze(message.device), restart: Object.freeze(message.restart) }));
  }
  if (message.type === 'configuration') {
    configuration = Object.freeze(message.configuration);
    events.emit('configuration', configuration);
  }
  if (message.type === 'update-waiting') events.emit('update-waiting', message.version, message.name);
  if (message.type === 'hold') settleHold(message);
}

function settleHold(answer) {
  const waiting = holdAnswer;
  holdAnswer = null;
  if (waiting) waiting(answer);
}

/** An answer keeps the app alive while it is waited for. */
async function waitFor(promise) {
  socket?.ref();
  try {
    return await promise;
  } finally {
    socket?.unref();
  }
}

let heldOnce = null;

async function holdUpdates(reason) {
  if (typeof reason !== 'string' || reason === '') throw new TypeError('holdUpdates needs a reason');
  holds++;
  if (socket && heldOnce === null) {
    heldOnce = new Promise((resolve) => {
      holdAnswer = resolve;
    });
    say({ type: 'hold', on: true, reason: reason.slice(0, 200) });
  }
  const answer = socket ? await waitFor(heldOnce) : { granted: true };
  let released = false;
  const release = () => {
    if (released) return;
    released = true;
    if (--holds > 0) return;
    heldOnce = null;
    say({ type: 'hold', on: false });
  };
  if (answer.granted) return { release, [Symbol.dispose ?? Symbol.for('Symbol.dispose')]: release };
  release();
  const error = new Error(answer.reason);
  error.code = 'NODEOS_HOLD_REFUSED';
  throw error;
}

function write(level, values) {
  const { format } = require('node:util');
  const text = format(...values);
  const stream = level === 'error' || level === 'warn' ? process.stderr : process.stdout;
  // The number before each line is taken off by the agent; on a computer it would only be in the way.
  const prefix = socket ? `<${LEVELS[level]}>` : '';
  stream.write(
    `${text
      .split('\n')
      .map((line) => prefix + line)
      .join('\n')}\n`,
  );
}

const onDevice = socket !== null;
const app = Object.freeze({ name: process.env.NODEOS_APP ?? null, version: process.env.NODEOS_VERSION ?? null });

const health = Object.freeze({
  ok: () => say({ type: 'health', ok: true }),
  failing: (reason) => say({ type: 'health', ok: false, reason: String(reason).slice(0, 200) }),
});

const log = Object.freeze(
  Object.fromEntries(Object.keys(LEVELS).map((level) => [level, (...values) => write(level, values)])),
);

function listen(event, listener) {
  events.on(event, listener);
  return () => void events.off(event, listener);
}
const onUpdateWaiting = (listener) => listen('update-waiting', listener);
const onConfiguration = (listener) => listen('configuration', listener);

async function deviceInfo() {
  return (await waitFor(helloReceived))?.device ?? null;
}

async function restart() {
  return (await waitFor(helloReceived))?.restart ?? { count: 0, reason: null };
}

async function readConfiguration() {
  await waitFor(helloReceived);
  return configuration;
}

exports.onDevice = onDevice;
exports.app = app;
exports.health = health;
exports.holdUpdates = holdUpdates;
exports.onUpdateWaiting = onUpdateWaiting;
exports.deviceInfo = deviceInfo;
exports.restart = restart;
exports.configuration = readConfiguration;
exports.onConfiguration = onConfiguration;
exports.log = log;
