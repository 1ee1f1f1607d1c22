#!/usr/bin/node
// Says which network it has, and what comes of going out.
'use strict';
const http = require('node:http');
const { connect } = require('node:net');
const { networkInterfaces } = require('node:os');

/** The host, inside QEMU's user network. */
const SERVER = { host: '10.0.2.2', port: 80 };

http
  .createServer((_request, response) => {
    const end = (server) => response.end(JSON.stringify({ interfaces: Object.keys(networkInterfaces()), server }));
    connect(SERVER, () => end('reached')).on('error', ({ code }) => end(code));
  })
  .listen(Number(process.env.PORT), '127.0.0.1');
