import { resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Release } from '@nodeos/contracts/operator-api.ts';
import { channelSchema } from '@nodeos/contracts/release.ts';
import { semverSchema, validate } from '@nodeos/contracts/validate.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import type { JsonOption } from '../options.ts';
import { formatBytes, print, printJson, printList, progressPrinter } from '../output.ts';
import type { ReleaseWords } from '../release/artefact.ts';
import { publishRelease } from '../release/publish.ts';
import { listReleases } from '../releases.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface PublishOptions extends ServerOptions, JsonOption {
  readonly keys: string;
  readonly notes?: string;
  readonly minimumSystem?: string;
  readonly channel?: string;
  readonly list?: boolean;
}

export const registerPublish: RegisterVerb = (program, io) => {
  withServer(program.command('publish'))
    .description('sign a release and upload it; or list what is published')
    .argument('[file]', 'app bundle (.sqfs) or slot image')
    .option('--keys <folder>', 'folder with the release key', 'keys')
    .option('--notes <text>', 'what is new')
    .option('--minimum-system <version>', 'devices with an older system do not take it')
    .option('--channel <name>', 'only for devices with the tag of this name, until `nodeos promote`')
    .option('--list', 'list the published releases')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      example(
        'nodeos publish hello-1.0.0.sqfs --keys keys --notes "First version"',
        'nodeos publish hello-1.1.0.sqfs --channel beta --minimum-system 1.2.0',
        'nodeos publish --list',
      ),
    )
    .action(async (file: string | undefined, options: PublishOptions) => {
      const client = await connect(io, options);
      if (options.list) {
        const releases = await listReleases(client);
        const heading = ['KIND', 'NAME', 'VERSION', 'CHANNEL', 'NEEDS SYSTEM', 'SIZE', 'PUBLISHED', 'TARGET'];
        const row = (release: Release) => [
          release.kind,
          release.name,
          release.version,
          release.custom.channel ?? '',
          release.custom.minimumSystem ?? '',
          formatBytes(release.bytes),
          new Date(release.publishedAt).toISOString().slice(0, 16).replace('T', ' '),
          release.target,
        ];
        return printList(io, options, releases, heading, row, 'Nothing is published yet.');
      }
      if (file === undefined)
        throw new NodeosError('INPUT_INVALID', 'no file is named', { hint: 'nodeos publish <bundle or slot image>' });
      const about = readWords(options);
      const progress = progressPrinter(io);
      const onSent = (sent: number, total: number): void =>
        progress.show({ step: 'publish', message: `uploading ${formatBytes(total)}`, percent: (sent / total) * 100 });
      try {
        const keys = resolve(io.cwd, options.keys);
        const result = await publishRelease(client, resolve(io.cwd, file), { keys, about, onSent });
        progress.end();
        const { path, sha256, bytes } = result.target;
        if (options.json) return printJson(io, { target: path, sha256, bytes, fresh: result.fresh });
        print(io, `${path} ${result.fresh ? 'is published' : 'was published before with the same bytes'}.`);
        print(io, `  sha256 ${sha256}, ${formatBytes(bytes)}`);
      } finally {
        progress.end();
      }
    });
};

function readWords({ notes, minimumSystem, channel }: PublishOptions): Partial<ReleaseWords> {
  return {
    ...(notes === undefined ? {} : { notes }),
    ...(minimumSystem === undefined
      ? {}
      : { minimumSystem: validate(semverSchema, minimumSystem, '--minimum-system') }),
    ...(channel === undefined ? {} : { channel: validate(channelSchema, channel, '--channel') }),
  };
}
