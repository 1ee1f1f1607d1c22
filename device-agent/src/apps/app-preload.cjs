'use strict';
// Loaded before an app's own code when its new version starts beside the old one: whatever server it makes waits with
// listen() until the supervisor says `go` on the channel. Without a channel this file does nothing.

const net = require('node:net');

const RETRY_STEP_MS = 5;
/** The old version may take this long to let go of the port: the longest stop grace and a little more. */
const RETRY_LIMIT_MS = 65_000;

const channelFd = Number(process.env.NODEOS_HOLD_FD);
delete process.env.NODEOS_HOLD_FD;
if (Number.isInteger(channelFd) && channelFd > 2) hold(channelFd);

function hold(fd) {
  const listen = net.Server.prototype.listen;
  const waiting = [];
  let released = false;
  let readySaid = false;

  const channel = new net.Socket({ fd, readable: true, writable: true });
  channel.on('error', release);
  channel.on('close', release);
  channel.on('data', (data) => {
    if (String(data).includes('go')) release();
  });
  // Held servers alone keep the process alive, as listening ones would.
  channel.unref();

  net.Server.prototype.listen = function heldListen(...args) {
    if (released) return listen.apply(this, args);
    waiting.push(() => listenWhenFree(this, args));
    channel.ref();
    if (!readySaid) say('ready');
    readySaid = true;
    return this;
  };
  whenMainIsEvaluated(() => released || say('started'));

  function say(word) {
    if (channel.writable) channel.write(`${word}\n`);
  }

  function release() {
    if (released) return;
    released = true;
    net.Server.prototype.listen = listen;
    channel.unref();
    for (const start of waiting) start();
  }

  /** The old version has been told to end but may hold the port for a moment: that error is ours, not the app's. */
  function listenWhenFree(server, args) {
    const endAt = Date.now() + RETRY_LIMIT_MS;
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
