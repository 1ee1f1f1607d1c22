import { NodeosError } from '@nodeos/contracts/errors.ts';

/** What filters of a settings file can ask about. */
export interface FilterFacts {
  readonly tryboot: boolean;
  /** Names of model filters that let lines through. */
  readonly models: readonly string[];
}

/** Characters of a line that count (Raspberry Pi documentation, config.txt, File format). */
const LINE_CHARACTERS = 98;
/** autoboot.txt is limited to one sector (Raspberry Pi documentation, autoboot.txt). */
export const AUTOBOOT_MAX_BYTES = 512;
const MODEL_FILTER = /^(pi\d+\+?|pi0w|pi02|pi400|pi500|cm\d+s?)$/;

/** A setting that passed the filters: `name=value`, or `name value` for initramfs. */
export type Setting = readonly [name: string, value: string];

/**
 * Settings of autoboot.txt or config.txt that apply, in their order. Filters of one kind replace each other, those of
 * different kinds add up, `[all]` takes them all away (Raspberry Pi documentation, Conditional filters).
 * @throws NodeosError INPUT_INVALID for a filter that the firmware in our images does not know: what it makes of one is
 *   documented nowhere
 */
export function applicableSettings(text: string, facts: FilterFacts): Setting[] {
  const settings: Setting[] = [];
  let shut = new Set<string>();
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.slice(0, LINE_CHARACTERS).trim();
    if (line === '' || line.startsWith('#')) continue;
    const filter = /^\[(.*)\]$/.exec(line)?.[1];
    if (filter !== undefined) shut = withFilter(shut, filter, facts);
    else if (shut.size === 0) settings.push(parseSetting(line));
  }
  return settings;
}

/** The kinds of filters that hold lines back. */
function withFilter(shut: ReadonlySet<string>, filter: string, facts: FilterFacts): Set<string> {
  if (filter === 'all') return new Set();
  const next = new Set(shut);
  const set = (kind: string, passes: boolean): Set<string> => {
    if (passes) next.delete(kind);
    else next.add(kind);
    return next;
  };
  if (filter === 'none') return set('none', false);
  if (filter === 'tryboot') return set('tryboot', facts.tryboot);
  if (MODEL_FILTER.test(filter)) return set('model', facts.models.includes(filter));
  throw new NodeosError('INPUT_INVALID', `the firmware knows no filter [${filter}]`);
}

function parseSetting(line: string): Setting {
  const parts = /^(initramfs|include)\s+(.*)$/.exec(line) ?? /^([^=]+)=(.*)$/.exec(line);
  if (!parts) throw new NodeosError('INPUT_INVALID', `not a setting of the firmware: ${line}`);
  return [(parts[1] as string).trim(), (parts[2] as string).trim()];
}

/** The last value of a setting: later lines replace earlier ones. */
export function lastSetting(settings: readonly Setting[], name: string): string | undefined {
  return settings.findLast(([each]) => each === name)?.[1];
}
