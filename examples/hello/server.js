import { readFileSync } from 'node:fs';
import polka from 'polka';
import xxhash from 'xxhash-addon';

const { name, version, config } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const startedAt = new Date().toISOString();

function answerJson(response, body) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

const app = polka()
  .get('/', (request, response) => {
    const text = request.query.text ?? `${name} ${version}`;
    answerJson(response, {
      name,
      version,
      greeting: config.greeting,
      text,
      // Computed by compiled code: proves that the addon was built for this machine.
      native: xxhash.XXHash3.hash(Buffer.from(text)).toString('hex'),
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      pid: process.pid,
      startedAt,
    });
  })
  .get('/health', (_request, response) => answerJson(response, { status: 'ok', version }));

const port = Number(process.env.PORT ?? 8080);
app.listen(port, (error) => {
  if (error) throw error;
  console.log(`${name} ${version} listens on port ${port}`);
});

process.on('SIGTERM', () => {
  console.log(`${name} ${version} stops`);
  app.server.close(() => process.exit(0));
  app.server.closeIdleConnections();
});
