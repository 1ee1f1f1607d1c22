import * as z from 'zod';

/**
 * Lines agent → init on file descriptor 3, each ended by a newline. `kexec`: jump into the kernel that is loaded;
 * `tryboot`: reboot("0 tryboot"), by which the Raspberry Pi's firmware takes the other slot once.
 */
const INIT_WORDS = ['heartbeat', 'confirmed', 'reboot', 'poweroff', 'kexec', 'tryboot'] as const;
export type InitWord = (typeof INIT_WORDS)[number];

const flag = z.enum(['0', '1']).transform((value) => value === '1');

/** `/run/nodeos/boot`, written by init: one `key=value` a line. */
export const bootFactsSchema = z.object({
  slot: z.enum(['a', 'b']),
  /** Whole disk, e.g. `/dev/sda`. */
  disk: z.string(),
  disk_id: z.string().regex(/^[0-9a-f]{8}$/),
  boot_part: z.string(),
  slot_a_part: z.string(),
  slot_b_part: z.string(),
  data_part: z.string(),
  data: z.enum(['disk', 'ram']),
  data_note: z.string(),
  grown: flag,
  /** Seconds of the dead-man timer, 0 when this boot is no trial. */
  trial: z.coerce.number().int().nonnegative(),
  watchdog: flag,
});
export type BootFacts = z.infer<typeof bootFactsSchema>;

/** Splits `key=value` lines; later lines win, lines without `=` are left out. */
export function parseKeyValues(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) values[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return values;
}
