import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { connect } from 'mqtt';
import { readSensor } from './sensor.js';

const url = process.env.MQTT_URL ?? 'mqtt://localhost:1883';
const periodMs = Number(process.env.PERIOD_MS ?? 5000);
const topic = `sensors/${process.env.NODEOS_APP ?? hostname()}`;
let lastSentAt = null;

// The app is healthy where it has nothing to complain about, and an update is not taken back for want of a broker.
createServer((_, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ topic, broker: url, lastSentAt }));
}).listen(Number(process.env.PORT ?? 8080));

console.log(`sends to ${topic} at ${url} every ${periodMs} ms`);
const client = connect(url, { reconnectPeriod: 2000 });
client.on('error', (error) => console.error(`broker: ${error.message || error.code}`));
client.on('connect', () => void send());
const timer = setInterval(send, periodMs);

/** What is measured while there is no broker is not kept: the next value is as good. */
async function send() {
  if (!client.connected) return;
  const measured = await readSensor();
  await client.publishAsync(topic, JSON.stringify({ at: new Date().toISOString(), ...measured }), { qos: 1 });
  lastSentAt = new Date().toISOString();
}

process.on('SIGTERM', async () => {
  clearInterval(timer);
  await client.endAsync(!client.connected);
  process.exit(0);
});
