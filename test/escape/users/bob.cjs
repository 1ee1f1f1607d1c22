#!/usr/bin/node
// Alone in a network of its own, with the clock chip for itself.
'use strict';
const { openSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { networkInterfaces } = require('node:os');

createServer((socket) => socket.end('bob')).listen('\0bob');
openSync('/dev/rtc0', 'r');
writeFileSync('/state.json', JSON.stringify({ interfaces: Object.keys(networkInterfaces()), clock: 'opened' }));
setInterval(() => {}, 60_000);
