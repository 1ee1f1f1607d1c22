import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { Display } from './display.ts';

/** What a person in front of the device wants to know. */
export interface ScreenState {
  readonly name: string;
  readonly system: string;
  readonly serial: string;
  readonly addresses: readonly string[];
  /** How it gets on with its WiFi networks, null where it has none. */
  readonly wifi: string | null;
  readonly state: string;
  /** With what it asks to be let in; null once it is in. */
  readonly claimCode: string | null;
  /** What it is doing now. */
  readonly work: string;
  readonly apps: readonly string[];
  /** An operator looks for this very device. */
  readonly lookedFor: boolean;
  /** Something wrong that a person can mend, null where all is well. */
  readonly trouble: string | null;
}
export interface Screen {
  show(change: Partial<ScreenState>): void;
}

const SHOW_AFTER_MS = 250;
const LABEL_WIDTH = 10;
/** A display has at least 80 columns of 25 lines: that of the VGA text mode. */
const DISPLAY_WIDTH = 80;
const DISPLAY_HEIGHT = 25;
const MARGIN = 4;
/** Rows that are not to be overlooked: yellow, and dark on white. */
const COLOURS: Readonly<Record<string, string>> = { trouble: '\x1b[33m', identify: '\x1b[7m' };

/** Rows of label and text, in the order in which they are looked for. */
function screenRows(state: ScreenState): [string, string][] {
  const rows: [string, string][] = [
    ...(state.lookedFor ? [['identify', 'this is the device that is looked for'] satisfies [string, string]] : []),
    ['device', `${state.name}  (serial ${state.serial})`],
    ['address', `${state.addresses.join(', ') || 'none yet'}${state.wifi === null ? '' : `; WiFi: ${state.wifi}`}`],
    ['state', state.state],
  ];
  if (state.claimCode) rows.push(['claim code', state.claimCode]);
  rows.push(['doing', state.work], ['apps', state.apps.join(', ') || 'none'], ['system', state.system]);
  if (state.trouble) rows.push(['trouble', state.trouble]);
  return rows;
}

/** A few calm lines between those of the log. */
export function renderLines(state: ScreenState): string {
  const lines = screenRows(state).map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)} ${text}`);
  return ['', ...lines, '', ''].join('\n');
}

/** A whole display, drawn over what is on it: console_codes(4). */
export function renderDisplay(state: ScreenState): string {
  const indent = ' '.repeat(MARGIN);
  const head = ['', `${indent}\x1b[1mNodeOS\x1b[0m`, ''];
  const rows: string[][] = [];
  for (const [label, text] of screenRows(state)) {
    const colour = COLOURS[label] ?? '';
    const pieces = wrap(printable(text), DISPLAY_WIDTH - 2 * MARGIN - LABEL_WIDTH - 1);
    const labelled = (piece: string, index: number): string =>
      `${indent}\x1b[2m${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}\x1b[0m ${colour}${piece}\x1b[0m`;
    rows.push(pieces.map(labelled));
  }
  const apart = [...head, ...rows.flatMap((row) => [...row, ''])];
  // The line behind the last one counts: a display that is full would scroll.
  const lines = apart.length < DISPLAY_HEIGHT ? apart : [...head, ...rows.flat()].slice(0, DISPLAY_HEIGHT - 1);
  // Each line takes away what was behind it, and the last one what was below: so nothing flickers.
  return `\x1b[H${lines.map((line) => `${line}\x1b[K\r\n`).join('')}\x1b[J`;
}

/**
 * Enough of a claim token to tell it from others. A screen is seen by anybody who passes, and the whole of it lets a
 * device in. ASCII only: a console's font may have nothing else.
 */
export function claimCodeOf(claimToken: string): string {
  return `${claimToken.slice(0, 8)}...`;
}

/** What the device is doing, as one calm phrase: no percentage that would change the screen all the time. */
export function describeWork(facts: {
  readonly online: boolean;
  readonly addresses: readonly string[];
  readonly standsAlone: boolean;
  readonly updates: readonly UpdateStatus[];
}): string {
  const update = facts.updates.find(({ state }) => state !== 'confirmed' && state !== 'failed');
  if (update !== undefined) {
    const what = update.lane === 'system' ? `system ${update.version}` : `${update.name} ${update.version}`;
    return `updating to ${what}: ${update.state}`;
  }
  if (facts.standsAlone) return 'running its apps';
  if (facts.addresses.length === 0) return 'waiting for the network';
  return facts.online ? 'running; waiting for work' : 'asking the server';
}

/** Prints the lines when something in them has changed, once for changes that come together; the display shows them always. */
export function createScreen(initial: ScreenState, print: (text: string) => void, display: Display | null): Screen {
  let state = initial;
  let shown = '';
  let planned = false;
  function flush(): void {
    planned = false;
    display?.draw(renderDisplay(state));
    const text = renderLines(state);
    if (text === shown) return;
    shown = text;
    print(text);
  }
  display?.draw(renderDisplay(state));
  return {
    show(change) {
      state = { ...state, ...change };
      if (!planned) setTimeout(flush, SHOW_AFTER_MS);
      planned = true;
    },
  };
}

/** Names and reasons come from elsewhere: none may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}]+/gu, ' ');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > width / 2 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
