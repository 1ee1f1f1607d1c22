import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { packageJsonSchema } from '@nodeos/contracts/app-settings.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { appNameSchema } from '@nodeos/contracts/validate.ts';
import { assetPath } from '@nodeos/firmware/assets.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

export const registerNew: RegisterVerb = (program, io) => {
  program
    .command('new')
    .description('make a new app')
    .argument('<folder>', 'folder to make; its name becomes the name of the app')
    .option('--template <name>', 'what to begin with: hello, gpio-blink, kiosk-sign, sensor-mqtt', 'hello')
    .addHelpText('after', example('nodeos new my-kiosk', 'nodeos new porch-light --template gpio-blink'))
    .action(async (wanted: string, options: { template: string }) => {
      const folder = resolve(io.cwd, wanted);
      await createApp(folder, options.template);
      print(io, `${folder} is ready. Next:`);
      print(io, `  cd ${wanted}`);
      print(io, '  npm install                # its packages, and the lock file');
      print(io, '  npm start                  # try it here');
      print(io, `  nodeos bundle .            # pack it for a device`);
    });
};

/** Copies a template; the folder appears whole or not at all. */
async function createApp(folder: string, template: string): Promise<void> {
  const name = basename(folder);
  if (!appNameSchema.safeParse(name).success)
    throw new NodeosError('APP_NAME_INVALID', `"${name}" cannot be the name of an app`);
  const templates = assetPath('cli', 'templates');
  if (!/^[a-z0-9-]+$/.test(template) || !existsSync(join(templates, template)))
    throw new NodeosError('NOT_FOUND', `no template "${template}"`, {
      hint: `Choose one of: ${(await readdir(templates)).join(', ')}.`,
    });
  if (existsSync(folder) && (await readdir(folder)).length > 0)
    throw new NodeosError('INPUT_INVALID', `${folder} is not empty`, {
      hint: 'Choose a folder that does not exist yet.',
    });
  await mkdir(dirname(folder), { recursive: true });
  const scratch = await mkdtemp(join(dirname(folder), `.${name}-`));
  try {
    const work = join(scratch, name);
    await cp(join(templates, template), work, { recursive: true });
    const manifest = await readFile(join(work, 'package.json'), 'utf8');
    await writeFile(join(work, 'package.json'), manifest.replaceAll('app-name', name));
    await addLibraries(work, JSON.parse(manifest).dependencies ?? {});
    await describeSettings(work);
    // npm leaves a file called .gitignore out of published packages.
    if (existsSync(join(work, 'gitignore'))) await rename(join(work, 'gitignore'), join(work, '.gitignore'));
    if (existsSync(folder)) await rmdir(folder);
    await rename(work, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Libraries that no registry has come with the app: `file:vendor/<folder of the library>`. */
async function addLibraries(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  for (const place of Object.values(dependencies)) {
    const name = /^file:vendor\/(app|display)$/.exec(place)?.[1];
    if (name === undefined) continue;
    const source = assetPath(name as 'app' | 'display');
    const filter = (path: string): boolean => !/(^|\/)node_modules$|\.test\.ts$/.test(path.slice(source.length));
    await cp(source, join(folder, 'vendor', name), { recursive: true, filter });
  }
}

/** Lets editors complete and check the field `nodeos` of package.json. */
async function describeSettings(folder: string): Promise<void> {
  const editor = join(folder, '.vscode');
  await mkdir(editor, { recursive: true });
  await writeFile(join(editor, 'nodeos.schema.json'), `${JSON.stringify(packageJsonSchema(), null, 2)}\n`);
  const settings = { 'json.schemas': [{ fileMatch: ['/package.json'], url: './.vscode/nodeos.schema.json' }] };
  await writeFile(join(editor, 'settings.json'), `${JSON.stringify(settings, null, 2)}\n`);
}
