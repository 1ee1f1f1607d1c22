import { createServer } from '../server.ts';

/** A server in a process of its own, so that it can be killed: options as JSON in the first word, addresses on stdout. */
const options = JSON.parse(process.argv[2] as string);
const server = await createServer({ ...options, ...ports(), advertise: ['127.0.0.1'], dashboard: false });
await server.start();
process.stdout.write(`${JSON.stringify({ addresses: server.addresses, token: server.operatorToken })}\n`);
const end = (): void => void server.close().then(() => process.exit(0));
process.on('SIGTERM', end);
// Nobody is left who would end it.
process.on('disconnect', end);

function ports() {
  return { operator: { port: 0 }, device: { port: 0 }, mqtt: { port: 0 } };
}
