const { createHash } = require('node:crypto');
const { createServer } = require('node:http');

/** RFC 6455, 1.3. */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const server = createServer(({ url, headers }, answer) => {
  const told = Object.entries(headers).filter(([name]) => name.startsWith('x-forwarded-'));
  answer.end(JSON.stringify({ url, told: Object.fromEntries(told) }));
});
// Greets in one text frame, which is all that a test needs of a WebSocket.
server.on('upgrade', ({ url, headers }, socket) => {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${MAGIC}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const text = Buffer.from(`socket at ${url}`);
  socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
  socket.on('error', () => {});
});
server.listen(Number(process.env.PORT), '127.0.0.1');
