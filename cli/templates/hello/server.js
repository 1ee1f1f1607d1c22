import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { name, version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

const server = createServer((request, response) => {
  if (request.url === '/health') return response.end('ok\n');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`Hello from ${name} ${version} on Node.js ${process.version}\n`);
});

// The device gives the first port of `nodeos.ports` in PORT.
const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`${name} ${version} listens on port ${port}`));

// The old version is asked to end when a new one takes over.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
