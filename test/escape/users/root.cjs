#!/usr/bin/node
// The one user that sees the others' homes.
'use strict';
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const http = require('node:http');

const attempt = (work) => {
  try {
    return work() ?? 'done';
  } catch (error) {
    return error.code;
  }
};
const startTicks = Number(readFileSync('/proc/self/stat', 'utf8').split(' ')[21]);
http
  .createServer((_, response) => {
    const homes = readdirSync('/home');
    response.end(
      JSON.stringify({
        startTicks,
        homes,
        bob: JSON.parse(readFileSync('/home/bob/state.json', 'utf8')),
        carol: attempt(() => readFileSync('/home/carol/was-started', 'utf8')),
        secret: attempt(() => readFileSync('/home/alice/secret', 'utf8')),
        write: attempt(() => writeFileSync('/home/alice/by-root', '')),
        uid: process.getuid(),
      }),
    );
  })
  .listen(8083);
