import { NodeosError } from '@nodeos/contracts/errors.ts';
import { replMessageSchema } from '@nodeos/contracts/mqtt.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from '../client.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { findDevice } from '../device-lookup.ts';
import { type CliIo, isTerminal } from '../io.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface ReplOptions extends ServerOptions {
  readonly app?: string;
}
const sessionSchema = z.object({ session: z.string() });
/** Ctrl-] ends the session, as in telnet: Ctrl-C and Ctrl-D belong to the device. */
const ESCAPE = '\x1d';

export const registerRepl: RegisterVerb = (program, io) => {
  withServer(program.command('repl'))
    .description('a Node.js console on a device; Ctrl-] ends it')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .option('--app <name>', 'as this app, in its files')
    .addHelpText('after', example('nodeos repl 3f9c --app hello'))
    .action(async (wanted: string, options: ReplOptions) => {
      const client = await connect(io, options);
      const device = await findDevice(client, wanted);
      if (!device.online) throw new NodeosError('DEVICE_OFFLINE', `${device.id} is not online`);
      const path = `/devices/${device.id}/repl`;
      const answer = await client.send('POST', path, { app: options.app ?? null });
      const { session } = validate(sessionSchema, answer, 'the new session');
      await bridge(client, `${path}/${session}`, io);
    });
};

/** Joins the terminal (or a pipe) with the session until either side ends it. */
async function bridge(client: ServerClient, path: string, io: CliIo): Promise<void> {
  const stop = new AbortController();
  const raw = isTerminal(io.stdin) ? (io.stdin as NodeJS.ReadStream) : undefined;
  // One request after the other: keys must arrive in the order they were typed.
  let sending: Promise<unknown> = Promise.resolve();
  let failure: unknown;
  const send = (data: string, end: boolean): void => {
    sending = sending
      .then(() => client.send('POST', path, { data, end }))
      .catch((error: unknown) => {
        failure ??= error;
        stop.abort();
      });
  };
  const onData = (chunk: Buffer | string): void => {
    const text = chunk.toString();
    const escapeAt = raw ? text.indexOf(ESCAPE) : -1;
    if (escapeAt < 0) {
      send(text, false);
      return;
    }
    send(text.slice(0, escapeAt), true);
    sending.finally(() => stop.abort());
  };
  const onEnd = (): void => send('', true);
  io.stdin?.on('data', onData).on('end', onEnd);
  raw?.setRawMode(true);
  try {
    for await (const { event, data } of client.events(path, stop.signal)) {
      if (event !== 'repl') continue;
      const message = parseJson(replMessageSchema, data, 'console event');
      io.stdout.write(message.data);
      if (message.end) break;
    }
    if (failure) throw failure;
  } finally {
    raw?.setRawMode(false);
    io.stdin?.off('data', onData).off('end', onEnd);
    io.stdin?.pause();
  }
}
