import { createResponder } from '@nodeos/device-agent/src/announce/responder.ts';

/** A device's announcement alone: `announce.ts <host> <IPv4 address> <user>…`; each name it takes is a line. */
const [host = '', address = '', ...users] = process.argv.slice(2);
const responder = createResponder({
  host,
  onName: (name) => console.log(`name ${name}`),
  log: (text) => console.log(`log ${text}`),
});
responder.update([{ address, prefix: 24 }], { users, httpPort: 80, ipv6: [] });
const awake = setInterval(() => {}, 60_000);
process.once('SIGTERM', async () => {
  await responder.close();
  clearInterval(awake);
});
