#!/usr/bin/node
// Installs what it is asked for into a folder of its home, and loads it.
'use strict';
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');

fs.mkdirSync('/code', { recursive: true });
http
  .createServer((request, response) => {
    const [cwd, command, name, registry] = request.url.slice(1).split('?').map(decodeURIComponent);
    execFile('npm', [command, name, '--registry', registry], { cwd }, (error, stdout, stderr) => {
      for (const path of Object.keys(require.cache)) if (path.startsWith('/code/')) delete require.cache[path];
      let loaded = null;
      try {
        loaded = createRequire('/code/')(name);
      } catch {}
      response.end(JSON.stringify({ code: error ? error.code : 0, stdout, stderr, loaded }));
    });
  })
  .listen(8080);
