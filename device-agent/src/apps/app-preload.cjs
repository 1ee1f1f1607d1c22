'use strict';
// Loaded before an app's own code when its new version starts beside the old one: whatever server it makes waits with
// listen() until the supervisor says `go` on the channel, or `now` where nobody has the port any more. In a development
// session it may be loaded before the developer's next edit, and waits for that first. Without a channel this file does nothing.

const { chmodSync, mkdirSync, readSync, rmSync, statSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const { dirname } = require('node:path');

const RETRY_STEP_MS = 5;
/** The old version may take this long to let go of the port: the longest stop grace and a little more. */
const RETRY_LIMIT_MS = 65_000;

const channelFd = Number(process.env.NODEOS_HOLD_FD);
const waits = process.env.NODEOS_STANDBY !== undefined;
delete process.env.NODEOS_HOLD_FD;
delete process.env.NODEOS_STANDBY;
if (Number.isInteger(channelFd) && channelFd > 2) {
  if (waits) takeChanges(channelFd);
  hold(channelFd);
}

/** Nothing of the app has been read yet: files are put in their places as if they had been there all the time. */
function takeChanges(fd) {
  // Most apps need it, and this is the time that nobody waits for.
  require('node:http');
  const { files, gone } = JSON.parse(readExactly(fd, readExactly(fd, 4).readUInt32BE()));
  const opened = new Map();
  for (const path of gone) {
    openFolder(dirname(path));
    rmSync(path, { force: true });
  }
  for (const [path, data] of files) {
    openFolder(dirname(path));
    // It may be one file under several names, and nobody's to write.
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, data, { encoding: 'base64', mode: 0o755 });
  }
  for (const [folder, mode] of opened) chmodSync(folder, mode);

  /** Folders are as read-only as a bundle is. */
  function openFolder(folder) {
    if (opened.has(folder)) return;
    const status = statSync(folder, { throwIfNoEntry: false });
    if (status === undefined) {
      openFolder(dirname(folder));
      mkdirSync(folder);
    } else chmodSync(folder, status.mode | 0o200);
    opened.set(folder, status?.mode ?? opened.get(dirname(folder)));
  }
}

function readExactly(fd, count) {
  const octets = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const read = readSync(fd, octets, at, count - at);
    // Whoever would have said what to run is gone.
    if (read === 0) process.exit(0);
    at += read;
  }
  return octets;
}

function hold(fd) {
  const listen = net.Server.prototype.listen;
  const waiting = [];
  let released = false;
  let readySaid = false;

  const channel = new net.Socket({ fd, readable: true, writable: true });
  channel.on('error', () => release(RETRY_LIMIT_MS));
  channel.on('close', () => release(RETRY_LIMIT_MS));
  channel.on('data', (data) => {
    if (String(data).includes('go')) release(RETRY_LIMIT_MS);
    if (String(data).includes('now')) release(0);
  });
  // Held servers alone keep the process alive, as listening ones would.
  channel.unref();

  net.Server.prototype.listen = function heldListen(...args) {
    if (released) return listen.apply(this, args);
    waiting.push((retryLimitMs) => listenWhenFree(this, args, retryLimitMs));
    channel.ref();
    if (!readySaid) say('ready');
    readySaid = true;
    return this;
  };
  whenMainIsEvaluated(() => released || say('started'));

  function say(word) {
    if (channel.writable) channel.write(`${word}\n`);
  }

  function release(retryLimitMs) {
    if (released) return;
    released = true;
    net.Server.prototype.listen = listen;
    channel.unref();
    for (const start of waiting) start(retryLimitMs);
  }

  /** The old version has been told to end but may hold the port for a moment: that error is ours, not the app's. */
  function listenWhenFree(server, args, retryLimitMs) {
    const endAt = Date.now() + retryLimitMs;
    const emit = server.emit;
    const withoutCallback = typeof args.at(-1) === 'function' ? args.slice(0, -1) : args;
    const settle = () => {
      if (Object.hasOwn(server, 'emit')) delete server.emit;
    };
    server.emit = function emitButBusy(event, ...rest) {
      if (event === 'error' && rest[0]?.code === 'EADDRINUSE' && Date.now() < endAt) {
        setTimeout(() => listen.apply(server, withoutCallback), RETRY_STEP_MS);
        return true;
      }
      if (event === 'listening' || event === 'error') settle();
      // Until now whoever asked on the port was answered by the old version.
      if (event === 'listening') say('listening');
      return emit.call(this, event, ...rest);
    };
    listen.apply(server, args);
  }
}

/** An app that never listens is ready once its main module has run to its end. */
function whenMainIsEvaluated(callback) {
  // CommonJS mains run before the first turn of the event loop.
  setImmediate(() => {
    const script = process.argv[1];
    if (require.main?.loaded || !script) return callback();
    const Module = require('node:module');
    const main = Module._findPath(require('node:path').resolve(script), null, true);
    if (!main) return callback();
    // An ES module is loaded once: this waits for the evaluation that is under way. Its failure is the app's own to report.
    import(require('node:url').pathToFileURL(main).href).then(callback, () => {});
  });
}
