import { NodeosError } from './errors.ts';

/** Size that GRUB demands of an environment block (GRUB manual, "Environment block"). */
const ENVIRONMENT_BLOCK_BYTES = 1024;
const SIGNATURE = '# GRUB Environment Block\n';

/** Renders a block of `name=value` lines padded with `#`. Values hold no newline or backslash here. */
export function renderEnvironmentBlock(values: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  const text = SIGNATURE + lines.join('');
  // All of ours must stand in the first sector: then one sector write changes them, and it cannot be torn.
  if (text.length > 512)
    throw new NodeosError('INTERNAL', `environment block needs ${text.length} bytes, more than one sector`);
  return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(ENVIRONMENT_BLOCK_BYTES - text.length, '#')]);
}

/** Reads a block; @throws NodeosError INPUT_INVALID where the signature is missing. */
export function parseEnvironmentBlock(block: Uint8Array): Record<string, string> {
  const text = Buffer.from(block).toString('latin1');
  if (!text.startsWith(SIGNATURE))
    throw new NodeosError('INPUT_INVALID', 'not a GRUB environment block: its first line is missing');
  const values: Record<string, string> = {};
  for (const line of text.slice(SIGNATURE.length).split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0 && !line.startsWith('#')) values[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return values;
}
