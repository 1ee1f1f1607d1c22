'use strict';
// Loaded before an app that was given `gpio`. Packages for the kernel's older interface (/sys/class/gpio) get the same
// interface on the character device where that one is gone, or does not count lines from 0 as they do: since Linux 6.6
// chips without numbers of their own begin at 512. Where it fits them, they are left as they are.

const { readdirSync } = require('node:fs');
const Module = require('node:module');

const OLDER = '/sys/class/gpio';
const FOLDER = '/usr/lib/nodeos';
const STAND_INS = { onoff: `${FOLDER}/gpio-onoff.cjs`, 'rpi-gpio': `${FOLDER}/gpio-rpi-gpio.cjs` };

if (!fitsPackages()) redirect();

function fitsPackages() {
  try {
    const names = readdirSync(OLDER);
    // A chip's folder has the number of its first line.
    return names.includes('export') && names.includes('gpiochip0');
  } catch {
    return false;
  }
}

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
