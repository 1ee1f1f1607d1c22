/** What a person in front of the device wants to know. */
export interface ScreenState {
  readonly name: string;
  readonly system: string;
  readonly serial: string;
  readonly addresses: readonly string[];
  readonly state: string;
  readonly apps: readonly string[];
  /** Something wrong that a person can mend, null where all is well. */
  readonly trouble: string | null;
}
export interface Screen {
  show(change: Partial<ScreenState>): void;
}

const SHOW_AFTER_MS = 250;

/** A few calm lines. */
export function renderScreen(state: ScreenState): string {
  const rows: [string, string][] = [
    ['device', `${state.name}  (serial ${state.serial})`],
    ['system', state.system],
    ['address', state.addresses.join(', ') || 'none yet'],
    ['state', state.state],
    ['apps', state.apps.join(', ') || 'none'],
  ];
  if (state.trouble) rows.push(['trouble', state.trouble]);
  const lines = rows.map(([label, text]) => `  ${label.padEnd(8)} ${text}`);
  return ['', ...lines, '', ''].join('\n');
}

/** Prints the block when something in it has changed, once for changes that come together. */
export function createScreen(initial: ScreenState, print: (text: string) => void): Screen {
  let state = initial;
  let shown = '';
  let planned = false;
  function flush(): void {
    planned = false;
    const text = renderScreen(state);
    if (text === shown) return;
    shown = text;
    print(text);
  }
  return {
    show(change) {
      state = { ...state, ...change };
      if (!planned) setTimeout(flush, SHOW_AFTER_MS);
      planned = true;
    },
  };
}
