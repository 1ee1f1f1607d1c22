#!/usr/bin/node
// Goes about its business; says how long it was kept from it.
'use strict';
const { readFileSync, statfsSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const http = require('node:http');

const STEP_MS = 20;
const startedAt = Date.now();
/** When this process began, in the kernel's ticks since the start (proc(5)). */
const startTicks = Number(readFileSync('/proc/self/stat', 'utf8').split(' ')[21]);
writeFileSync('/secret', 'of alice', { mode: 0o600 });
writeFileSync('/tmp/note', 'of alice');
createServer((socket) => socket.end('alice')).listen('\0alice');

let worstMs = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  worstMs = Math.max(worstMs, now - last - STEP_MS);
  last = now;
}, STEP_MS);

const attempt = (work) => {
  try {
    return work() ?? 'done';
  } catch (error) {
    return error.code;
  }
};
http
  .createServer((request, response) => {
    const { bfree, bavail } = statfsSync('/');
    const state = {
      startedAt,
      startTicks,
      worstMs,
      disk: { free: bfree, forUsers: bavail },
      secret: attempt(() => readFileSync('/secret', 'utf8')),
    };
    if (request.url === '/write') state.write = attempt(() => writeFileSync('/written', 'x'.repeat(100_000)));
    worstMs = 0;
    console.log(`asked for ${request.url}`);
    response.end(JSON.stringify(state));
  })
  .listen(8081);
