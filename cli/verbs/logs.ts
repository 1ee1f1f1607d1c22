import { logBatchSchema } from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { findDevice } from '../device-lookup.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface LogOptions extends ServerOptions {
  readonly app?: string;
  readonly follow?: boolean;
  readonly lines: string;
  readonly json?: boolean;
}

/** Without --follow: the device sends its past lines at once, so a pause means that they are all here. */
const QUIET_MS = 1_500;
const FIRST_LINE_MS = 10_000;

export const registerLogs: RegisterVerb = (program, io) => {
  withServer(program.command('logs'))
    .description('show what a device and its apps write')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .option('--app <name>', 'only this app')
    .option('--follow', 'go on until Ctrl-C')
    .option('--lines <count>', 'lines of the past, at most 1000', '100')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', example('nodeos logs 3f9c --app hello --follow'))
    .action(async (wanted: string, options: LogOptions) => {
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      const query = new URLSearchParams({ backlog: options.lines });
      if (options.app) query.set('app', options.app);
      if (options.follow) query.set('follow', '1');
      const stop = new AbortController();
      let timer = options.follow ? undefined : setTimeout(() => stop.abort(), FIRST_LINE_MS);
      try {
        for await (const { event, data } of client.events(`/devices/${id}/logs?${query}`, stop.signal)) {
          if (event !== 'log') continue;
          for (const line of parseJson(logBatchSchema, data, 'log event').lines) {
            const text = `${new Date(line.at).toISOString()} ${line.source}${line.stream === 'stderr' ? '!' : ':'} ${line.text}`;
            print(io, options.json ? JSON.stringify(line) : text);
          }
          if (options.follow) continue;
          clearTimeout(timer);
          timer = setTimeout(() => stop.abort(), QUIET_MS);
        }
      } finally {
        clearTimeout(timer);
      }
    });
};
