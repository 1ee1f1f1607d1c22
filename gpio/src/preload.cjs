'use strict';
// Loaded before an app that was given `gpio`. Packages for the kernel's older interface (/sys/class/gpio) get the same
// interface on the character device where that one is gone; where it is there, they are left as they are.

const { existsSync } = require('node:fs');
const Module = require('node:module');

const FOLDER = '/usr/lib/nodeos';
const STAND_INS = { onoff: `${FOLDER}/gpio-onoff.cjs`, 'rpi-gpio': `${FOLDER}/gpio-rpi-gpio.cjs` };

if (!existsSync('/sys/class/gpio/export')) redirect();

function redirect() {
  const resolveFilename = Module._resolveFilename;
  Module._resolveFilename = function resolveStandIn(request, ...rest) {
    return STAND_INS[request] ?? resolveFilename.call(this, request, ...rest);
  };
  const urls = Object.fromEntries(Object.entries(STAND_INS).map(([name, path]) => [name, `file://${path}`]));
  if (Module.registerHooks) {
    Module.registerHooks({
      resolve: (request, context, next) =>
        Object.hasOwn(urls, request)
          ? { url: urls[request], format: 'commonjs', shortCircuit: true }
          : next(request, context),
    });
    return;
  }
  const hooks = `const urls = ${JSON.stringify(urls)};
    export async function resolve(request, context, next) {
      return Object.hasOwn(urls, request)
        ? { url: urls[request], format: 'commonjs', shortCircuit: true } : next(request, context);
    }`;
  Module.register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}
