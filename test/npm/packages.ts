/** A package of the registry and what is asked of it on the device. */
export interface CheckedPackage {
  readonly name: string;
  readonly version: string;
  /** What it is, for the table. */
  readonly what: string;
  /**
   * Body of an async function with `require`, `importIt`, `assert` and `ask(server, path)`: uses the package and gives
   * one short line on what was seen; throws where it does not do its work.
   */
  readonly use: string;
  /** Where it cannot work, the words that the bundler or the device must say, and why. */
  readonly fails?: { readonly at: 'bundle' | 'device'; readonly says: RegExp; readonly because: string };
  /** One of those that every test run tries. */
  readonly always?: true;
}

const web = (body: string): string => `${body}; return ask(server, '/')`;

/** Well-known packages: what apps for devices are made of. */
export const PACKAGES: readonly CheckedPackage[] = [
  // web
  {
    ...{ name: 'express', version: '5.3.0', what: 'web framework', always: true },
    use: web(
      `const app = require('express')(); app.get('/', (q, a) => a.json({ ok: 1 })); const server = app.listen(0)`,
    ),
  },
  {
    ...{ name: 'fastify', version: '5.12.8', what: 'web framework', always: true },
    use: `const app = require('fastify')(); app.get('/', async () => ({ ok: 1 })); await app.listen({ port: 0 }); const text = await ask(app.server, '/'); await app.close(); return text`,
  },
  {
    ...{ name: 'koa', version: '3.3.0', what: 'web framework' },
    use: web(
      `const Koa = require('koa'); const app = new (Koa.default ?? Koa)(); app.use((c) => { c.body = { ok: 1 }; }); const server = app.listen(0)`,
    ),
  },
  {
    ...{ name: '@hapi/hapi', version: '21.4.10', what: 'web framework' },
    use: `const server = require('@hapi/hapi').server({ port: 0 }); server.route({ method: 'GET', path: '/', handler: () => ({ ok: 1 }) }); await server.start(); const text = await ask(server.listener, '/'); await server.stop(); return text`,
  },
  {
    ...{ name: 'polka', version: '0.5.2', what: 'web framework' },
    use: web(`const app = require('polka')().get('/', (q, a) => a.end('ok')).listen(0); const server = app.server`),
  },
  {
    ...{ name: 'ws', version: '8.23.0', what: 'WebSocket', always: true },
    use: `const { WebSocketServer, WebSocket } = require('ws'); const server = new WebSocketServer({ port: 0 }); server.on('connection', (s) => s.on('message', (m) => s.send('echo ' + m))); await new Promise((r) => server.on('listening', r)); const client = new WebSocket('ws://127.0.0.1:' + server.address().port); client.on('open', () => client.send('hi')); return new Promise((r) => client.on('message', (m) => r(String(m))))`,
  },
  {
    ...{ name: 'socket.io', version: '4.8.4', what: 'events over WebSocket', always: true },
    use: `const http = require('node:http').createServer(); const { Server } = require('socket.io'); new Server(http); http.listen(0); const text = await ask(http, '/socket.io/?EIO=4&transport=polling'); assert(/sid/.test(text)); return 'handshake'`,
  },
  {
    ...{ name: 'http-proxy', version: '1.18.1', what: 'reverse proxy' },
    use: `const http = require('node:http'); const back = http.createServer((q, a) => a.end('behind')).listen(0); await new Promise((r) => back.on('listening', r)); const server = require('http-proxy').createProxyServer({ target: 'http://127.0.0.1:' + back.address().port }); const front = http.createServer((q, a) => server.web(q, a)).listen(0); return ask(front, '/')`,
  },
  {
    ...{ name: 'axios', version: '1.21.1', what: 'HTTP client' },
    use: `const server = require('node:http').createServer((q, a) => a.end('{"ok":1}')).listen(0); await new Promise((r) => server.on('listening', r)); const { data } = await require('axios').get('http://127.0.0.1:' + server.address().port); return JSON.stringify(data)`,
  },
  {
    ...{ name: 'undici', version: '7.30.2', what: 'HTTP client' },
    use: `const server = require('node:http').createServer((q, a) => a.end('ok')).listen(0); await new Promise((r) => server.on('listening', r)); const { body } = await require('undici').request('http://127.0.0.1:' + server.address().port); return body.text()`,
  },
  {
    ...{ name: 'got', version: '14.6.6', what: 'HTTP client, ES module' },
    use: `const server = require('node:http').createServer((q, a) => a.end('ok')).listen(0); await new Promise((r) => server.on('listening', r)); const { got } = await importIt('got'); return got('http://127.0.0.1:' + server.address().port).text()`,
  },
  // messages
  {
    ...{ name: 'mqtt', version: '5.16.0', what: 'MQTT client', always: true },
    use: `const { connect } = require('mqtt'); const client = connect('mqtt://127.0.0.1:9', { reconnectPeriod: 0 }); const error = await new Promise((r) => { client.on('error', r); client.on('close', () => r(new Error('closed'))); }); client.end(true); assert(/ECONNREFUSED|closed/.test(String(error.code ?? error.message))); return 'refused by a port without a broker'`,
  },
  {
    ...{ name: 'aedes', version: '1.2.0', what: 'MQTT broker' },
    use: `const { Aedes } = require('aedes'); const broker = await Aedes.createBroker(); const got = new Promise((r) => broker.subscribe('a/b', (p, done) => { done(); r(String(p.payload)); }, () => broker.publish({ topic: 'a/b', payload: Buffer.from('hi'), qos: 0, retain: false, cmd: 'publish' }, () => {}))); const text = await got; broker.close(); return text`,
  },
  {
    ...{ name: 'amqplib', version: '2.3.1', what: 'AMQP client' },
    use: `const error = await require('amqplib').connect('amqp://127.0.0.1:9').then(() => null, (e) => e); assert(/ECONNREFUSED/.test(String(error?.code ?? error))); return 'refused by a port without a broker'`,
  },
  {
    ...{ name: 'node-red', version: '4.1.15', what: 'flow editor' },
    use: `const http = require('node:http'); const RED = require('node-red'); const server = http.createServer(); const app = require('express')(); server.on('request', app); server.listen(0); RED.init(server, { userDir: '/tmp/red', httpAdminRoot: '/red', httpNodeRoot: '/api', logging: { console: { level: 'fatal' } }, telemetry: { enabled: false } }); app.use('/red', RED.httpAdmin); await RED.start(); const text = await ask(server, '/red/settings'); assert(JSON.parse(text).version); return 'editor answers, version ' + JSON.parse(text).version`,
  },
  // hardware
  {
    ...{ name: 'rpi-gpio', version: '2.1.7', what: 'GPIO through sysfs' },
    use: `const { promise: gpio, DIR_OUT } = require('rpi-gpio'); const error = await gpio.setup(16, DIR_OUT).then(() => null, (e) => e); assert(error); return 'loads; this machine has no GPIO'`,
  },
  {
    ...{ name: 'onoff', version: '6.0.3', what: 'GPIO through sysfs, machine code' },
    use: `const { Gpio } = require('onoff'); assert(Gpio.accessible === false); return 'loads; this machine has no GPIO'`,
  },
  {
    ...{ name: 'i2c-bus', version: '5.2.3', what: 'I2C, machine code', always: true },
    use: `try { require('i2c-bus').openSync(77).readByteSync(0x20, 0); } catch (error) { assert(error.code === 'ENOENT', error); return 'asks for /dev/i2c-77'; } throw new Error('opened a bus that is not there')`,
  },
  {
    ...{ name: 'spi-device', version: '3.1.2', what: 'SPI, machine code' },
    use: `try { require('spi-device').openSync(7, 7); } catch (error) { assert(/ENOENT/.test(error.message), error); return 'asks for /dev/spidev7.7'; } throw new Error('opened a device that is not there')`,
  },
  {
    ...{ name: 'serialport', version: '13.0.0', what: 'serial ports, machine code', always: true },
    use: `const { SerialPort } = require('serialport'); const error = await new Promise((r) => new SerialPort({ path: '/dev/null', baudRate: 9600 }, r)); assert(/ioctl|configuration/i.test(error.message), error); return 'asks the kernel: ' + error.message.slice(0, 60)`,
  },
  {
    ...{ name: 'johnny-five', version: '2.1.0', what: 'robotics' },
    use: `const five = require('johnny-five'); assert(typeof five.Led === 'function' && typeof five.Board === 'function'); return 'loads; this machine has no board'`,
  },
  {
    ...{ name: 'modbus-serial', version: '8.0.25', what: 'Modbus' },
    use: `const Modbus = require('modbus-serial'); const server = new Modbus.ServerTCP({ getHoldingRegister: (a) => a + 7 }, { host: '127.0.0.1', port: 18502, unitID: 1 }); await new Promise((r) => server.on('initialized', r)); const client = new Modbus(); await client.connectTCP('127.0.0.1', { port: 18502 }); client.setID(1); const { data } = await client.readHoldingRegisters(3, 2); assert(data[0] === 10); return 'registers ' + data.join(', ')`,
  },
  {
    ...{ name: 'pigpio', version: '3.3.1', what: 'GPIO through a C library' },
    use: `const { Gpio } = require('pigpio'); new Gpio(17, { mode: Gpio.OUTPUT }); return 'drives a line'`,
    fails: {
      at: 'device',
      says: /gpioInitialise/,
      because:
        'it is compiled only where the C library pigpio is installed, which maps the Pi’s registers as root; no app is root',
    },
  },
  {
    ...{ name: 'systeminformation', version: '5.33.23', what: 'facts of the machine' },
    use: `const { total } = await require('systeminformation').mem(); assert(total > 5e7); return Math.round(total / 1e6) + ' MB of memory'`,
  },
  {
    ...{ name: 'bonjour-service', version: '1.4.4', what: 'mDNS' },
    use: `const { Bonjour } = require('bonjour-service'); const bonjour = new Bonjour(); const service = bonjour.publish({ name: 'device', type: 'http', port: 80 }); await new Promise((r) => service.on('up', r)); await new Promise((r) => bonjour.unpublishAll(r)); bonjour.destroy(); return 'announced'`,
  },
  // storage
  {
    ...{ name: 'better-sqlite3', version: '12.11.1', what: 'SQLite, machine code', always: true },
    use: `const Database = require('better-sqlite3'); const db = new Database('/tmp/test.db'); db.exec('create table t (x)'); db.prepare('insert into t values (?)').run(42); return 'row ' + db.prepare('select x from t').get().x`,
  },
  {
    ...{ name: 'level', version: '10.0.0', what: 'LevelDB, machine code' },
    use: `const { Level } = require('level'); const db = new Level('/tmp/level'); await db.put('a', 'b'); const value = await db.get('a'); await db.close(); assert(value === 'b'); return 'value ' + value`,
  },
  {
    ...{ name: 'redis', version: '6.3.1', what: 'Redis client' },
    use: `const client = require('redis').createClient({ url: 'redis://127.0.0.1:9', socket: { reconnectStrategy: false } }); client.on('error', () => {}); const error = await client.connect().then(() => null, (e) => e); assert(/ECONNREFUSED/.test(String(error?.code ?? error))); return 'refused by a port without a server'`,
  },
  {
    ...{ name: 'pg', version: '8.23.1', what: 'PostgreSQL client' },
    use: `const { Client } = require('pg'); const error = await new Client({ host: '127.0.0.1', port: 9 }).connect().then(() => null, (e) => e); assert(/ECONNREFUSED/.test(String(error?.code ?? error))); return 'refused by a port without a server'`,
  },
  // images, documents, codes
  {
    ...{ name: 'sharp', version: '0.35.5', what: 'images, machine code', always: true },
    use: `const red = { width: 8, height: 8, channels: 3, background: 'red' }; const bytes = await require('sharp')({ create: red }).png().toBuffer(); assert(bytes.subarray(1, 4).toString() === 'PNG'); return 'PNG of ' + bytes.length + ' bytes'`,
  },
  {
    ...{ name: '@napi-rs/canvas', version: '1.1.1', what: 'drawing, machine code' },
    use: `const { createCanvas } = require('@napi-rs/canvas'); const canvas = createCanvas(32, 32); const pen = canvas.getContext('2d'); pen.fillStyle = 'red'; pen.fillRect(0, 0, 32, 32); assert(pen.getImageData(3, 3, 1, 1).data[0] === 255); return 'drew a red square'`,
  },
  {
    ...{ name: 'jimp', version: '1.6.1', what: 'images, JavaScript only' },
    use: `const { Jimp } = require('jimp'); const image = new Jimp({ width: 8, height: 8, color: 0xff0000ff }); image.resize({ w: 4 }); assert(image.bitmap.width === 4); return 'resized'`,
  },
  {
    ...{ name: 'pngjs', version: '7.0.0', what: 'PNG, JavaScript only' },
    use: `const { PNG } = require('pngjs'); const bytes = PNG.sync.write(new PNG({ width: 4, height: 4 })); assert(PNG.sync.read(bytes).width === 4); return 'PNG of ' + bytes.length + ' bytes'`,
  },
  {
    ...{ name: 'qrcode', version: '1.5.4', what: 'QR codes' },
    use: `const text = await require('qrcode').toString('nodeos', { type: 'svg' }); assert(/<svg/.test(text)); return 'SVG of ' + text.length + ' characters'`,
  },
  {
    ...{ name: 'puppeteer', version: '24.43.1', what: 'a browser from JavaScript' },
    use: `const browser = await require('puppeteer').launch(); await browser.close(); return 'browser'`,
    fails: {
      at: 'device',
      says: /Could not find Chrome|Browser|executablePath|Chromium/i,
      because: 'it drives a browser, and a device has none',
    },
  },
  {
    ...{ name: 'jsdom', version: '29.1.1', what: 'DOM' },
    use: `const { JSDOM } = require('jsdom'); const text = new JSDOM('<p>hi</p>').window.document.querySelector('p').textContent; assert(text === 'hi'); return text`,
  },
  {
    ...{ name: 'cheerio', version: '1.2.0', what: 'HTML' },
    use: `const text = require('cheerio').load('<p>hi</p>')('p').text(); assert(text === 'hi'); return text`,
  },
  {
    ...{ name: 'fast-xml-parser', version: '5.12.1', what: 'XML' },
    use: `const { XMLParser } = require('fast-xml-parser'); const { a } = new XMLParser().parse('<a>1</a>'); assert(a === 1); return 'a = ' + a`,
  },
  {
    ...{ name: 'protobufjs', version: '8.8.1', what: 'Protocol Buffers' },
    use: `const type = require('protobufjs').parse('syntax = "proto3"; message M { int32 x = 1; }').root.lookupType('M'); const { x } = type.decode(type.encode({ x: 7 }).finish()); assert(x === 7); return 'x = ' + x`,
  },
  {
    ...{ name: '@grpc/grpc-js', version: '1.14.7', what: 'gRPC' },
    use: `const grpc = require('@grpc/grpc-js'); const server = new grpc.Server(); const port = await new Promise((r, f) => server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (e, p) => (e ? f(e) : r(p)))); server.forceShutdown(); assert(port > 0); return 'listened'`,
  },
  {
    ...{ name: 'graphql', version: '16.15.0', what: 'GraphQL' },
    use: `const { graphql, buildSchema } = require('graphql'); const { data } = await graphql({ schema: buildSchema('type Query { a: Int }'), source: '{ a }', rootValue: { a: 1 } }); assert(data.a === 1); return 'a = ' + data.a`,
  },
  // security
  {
    ...{ name: 'bcrypt', version: '6.0.0', what: 'passwords, machine code' },
    use: `const bcrypt = require('bcrypt'); const hash = await bcrypt.hash('x', 4); assert(await bcrypt.compare('x', hash)); return hash.slice(0, 7)`,
  },
  {
    ...{ name: 'argon2', version: '0.45.1', what: 'passwords, machine code' },
    use: `const argon2 = require('argon2'); const hash = await argon2.hash('x', { memoryCost: 1024, timeCost: 2 }); assert(await argon2.verify(hash, 'x')); return hash.slice(0, 9)`,
  },
  {
    ...{ name: 'jsonwebtoken', version: '9.0.3', what: 'tokens' },
    use: `const jwt = require('jsonwebtoken'); const { a } = jwt.verify(jwt.sign({ a: 1 }, 'secret'), 'secret'); assert(a === 1); return 'signed and checked'`,
  },
  // everyday
  {
    ...{ name: 'pino', version: '10.4.0', what: 'logs' },
    use: `let text = ''; require('pino')({}, { write: (line) => { text += line; } }).info('hi'); assert(JSON.parse(text).msg === 'hi'); return 'one line'`,
  },
  {
    ...{ name: 'winston', version: '3.19.0', what: 'logs' },
    use: `const winston = require('winston'); const lines = []; const stream = new (require('node:stream').Writable)({ write(c, e, done) { lines.push(String(c)); done(); } }); winston.createLogger({ transports: [new winston.transports.Stream({ stream })] }).info('hi'); await new Promise((r) => setImmediate(r)); assert(/hi/.test(lines.join(''))); return 'one line'`,
  },
  {
    ...{ name: 'zod', version: '4.6.7', what: 'schemas', always: true },
    use: `const { z } = require('zod'); assert(z.object({ a: z.number() }).safeParse({ a: 'x' }).success === false); return 'refused a wrong value'`,
  },
  {
    ...{ name: 'ajv', version: '8.20.0', what: 'JSON Schema' },
    use: `const Ajv = require('ajv'); const check = new (Ajv.default ?? Ajv)().compile({ type: 'number' }); assert(check(1) && !check('1')); return 'compiled a schema'`,
  },
  {
    ...{ name: 'lodash', version: '4.18.1', what: 'helpers' },
    use: `const { chunk } = require('lodash'); assert(chunk([1, 2, 3], 2).length === 2); return '2 chunks'`,
  },
  {
    ...{ name: 'luxon', version: '3.7.2', what: 'dates' },
    use: `const { DateTime } = require('luxon'); const text = DateTime.fromISO('2026-01-01T12:00:00Z').setZone('Europe/Zurich').toFormat('HH:mm'); assert(text === '13:00', text); return 'time in Zürich ' + text`,
  },
  {
    ...{ name: 'rxjs', version: '7.8.2', what: 'streams of events' },
    use: `const { firstValueFrom, of, map } = require('rxjs'); const value = await firstValueFrom(of(1).pipe(map((x) => x + 1))); assert(value === 2); return 'value ' + value`,
  },
  {
    ...{ name: 'node-cron', version: '4.6.0', what: 'timetables' },
    use: `const cron = require('node-cron'); const task = await new Promise((r) => { const t = cron.schedule('* * * * * *', () => r(t)); }); task.stop(); return 'ran on its second'`,
  },
  {
    ...{ name: 'chokidar', version: '5.0.0', what: 'file changes' },
    use: `const fs = require('node:fs'); fs.mkdirSync('/tmp/watched', { recursive: true }); const { watch } = require('chokidar'); const watcher = watch('/tmp/watched'); await new Promise((r) => watcher.on('ready', r)); const seen = new Promise((r) => watcher.on('add', r)); fs.writeFileSync('/tmp/watched/x', ''); const path = await seen; await watcher.close(); return 'saw ' + path`,
  },
  {
    ...{ name: 'execa', version: '9.6.1', what: 'child processes, ES module' },
    use: `const { execa } = await importIt('execa'); const { stdout } = await execa('node', ['-p', '6 * 7']); assert(stdout === '42'); return 'child said ' + stdout`,
  },
  {
    ...{ name: 'nodemailer', version: '10.6.0', what: 'mail' },
    use: `const { message } = await require('nodemailer').createTransport({ streamTransport: true, buffer: true }).sendMail({ from: 'a@b.c', to: 'd@e.f', subject: 'hi', text: 'x' }); assert(/Subject: hi/.test(String(message))); return 'message of ' + message.length + ' bytes'`,
  },
  {
    ...{ name: 'typescript', version: '5.9.3', what: 'compiler' },
    use: `const ts = require('typescript'); const text = ts.transpile('const x: number = 1'); assert(/const x = 1|var x = 1/.test(text)); return 'compiled'`,
  },
];
