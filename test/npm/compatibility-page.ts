import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Verdict } from './on-one-device.ts';

/** The page that tells which packages work; made by `npm run test:npm`, never by hand. */
export function compatibilityPage(verdicts: readonly Verdict[]): string {
  const working = verdicts.filter(({ seen }) => seen?.ok).length;
  return `# Packages of npm on a device

${working} of ${verdicts.length} well-known packages work as they are. Each was made an app that uses it, packed with
\`nodeos bundle\` for \`x86_64-usb\`, and run on one emulated device (1 GiB of memory, kernel and root of that board);
what stands in the third column is what it did there. \`npm run test:npm\` does all of it again and writes this page;
\`npm test\` tries ten of them.

"Machine code" means that the package was compiled for the device or brought a prebuilt file that fits. Its size is that
of the whole app: the package with all that it needs, compressed.

| package | works | what it did, or why not | machine code | size |
|---|---|---|---|---|
${verdicts.map(row).join('\n')}
`;
}

function row({ item, seen }: Verdict): string {
  const does = seen?.ok ? seen.text : (item.fails?.because ?? seen?.text ?? item.refused ?? '');
  const code = item.bundle === null ? '' : item.bundle.manifest.abi === 'any' ? 'no' : 'yes';
  const size = item.bundle === null ? '' : `${(item.bundle.bytes / 1e6).toFixed(2)} MB`;
  const title = `${item.name} ${item.bundle === null ? '' : installedVersion(item.folder, item.name)}`.trim();
  return `| ${title} (${item.what}) | ${seen?.ok ? 'yes' : 'no'} | ${cell(does)} | ${code} | ${size} |`;
}

function installedVersion(folder: string, name: string): string {
  const bill = JSON.parse(readFileSync(join(folder, 'app.sqfs.cdx.json'), 'utf8')) as {
    components: { group?: string; name: string; version: string }[];
  };
  const found = bill.components.filter(({ group, name: own }) => (group ? `${group}/${own}` : own) === name);
  return found.map(({ version }) => version).join(', ');
}

function cell(text: string): string {
  return text.split('\n')[0]?.replaceAll('|', '\\|').trim() ?? '';
}
