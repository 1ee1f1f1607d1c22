/** Something that an attacker tries, and the answer it must get. */
export interface Attack {
  readonly title: string;
  /** Tries it against the real parts; gives the answer. @throws where the attack worked */
  readonly run: () => Promise<string>;
  readonly expected: RegExp;
}

export interface AttackRow {
  readonly title: string;
  readonly answer: string;
  readonly held: boolean;
}

const ANSWER_MAX = 140;

export async function attempt(attack: Attack): Promise<AttackRow> {
  try {
    const answer = (await attack.run()).replaceAll(/\s+/g, ' ').trim();
    return { title: attack.title, answer: shorten(answer), held: attack.expected.test(answer) };
  } catch (error) {
    return { title: attack.title, answer: `NOT HELD: ${(error as Error).stack}`, held: false };
  }
}

function shorten(text: string): string {
  // Hashes, keys and numbers of a run say nothing to a reader.
  const plain = text.replaceAll(/[0-9a-f]{12,}/g, '…').replaceAll(/\/\S*nodeos-device-\w+\//g, '');
  return plain.length > ANSWER_MAX ? `${plain.slice(0, ANSWER_MAX - 1)}…` : plain;
}

/** Markdown, as the documents show it. */
export function renderAttacks(rows: readonly AttackRow[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const lines = rows.map(({ title, answer }) => `| ${cell(title)} | ${cell(answer)} |`);
  return ['| attack | answer |', '|---|---|', ...lines].join('\n');
}
