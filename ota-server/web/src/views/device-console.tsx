import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Choice } from '../parts/field.tsx';
import { Fault } from '../parts/list.tsx';
import { type ConsoleState, useConsole } from '../use-console.ts';
import { useTail } from '../use-tail.ts';

const NOBODY = '';
const HISTORY_MAX = 100;
/** What a message of a session holds, less the line end. */
const LINE_MAX_CHARACTERS = 65_535;

/** A Node.js on the device to type into, for those who may. */
export function DeviceConsole({ device }: { device: DeviceDetail }) {
  const [app, setApp] = useState(NOBODY);
  const session = useConsole(device.id);
  const tail = useTail(session.pieces);
  const open = session.state === 'open' || session.state === 'broken';
  const busy = open || session.state === 'opening';
  // What a console said last is still to be read when its device has gone.
  if (!device.online && session.state === 'closed') return null;
  return (
    <section aria-labelledby="panel-console" class="live-part">
      <h3 id="panel-console">Console</h3>
      <div class="inline">
        {busy ? (
          <span>{app === NOBODY ? 'Node.js as nobody' : `Node.js as ${app}`}</span>
        ) : (
          <Choice
            label="Node.js as"
            value={app}
            options={[
              [NOBODY, 'nobody, in an empty home'],
              ...Object.keys(device.apps).map((name) => [name, `${name}, in its files`] as const),
            ]}
            onChange={setApp}
          />
        )}
        <button
          type="button"
          class="button"
          disabled={!busy && !device.online}
          onClick={() => (busy ? session.close() : session.open(app === NOBODY ? null : app))}
        >
          {busy ? 'Close console' : 'Open console'}
        </button>
        <span class="live-note" role="status">
          {noteOf(session.state)}
        </span>
      </div>
      <Fault error={session.error} />
      {(busy || session.pieces.length > 0) && (
        <div class="console">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <div class="pane" role="log" aria-label="Console output" tabIndex={0} {...tail}>
            {session.pieces.map((piece) => (
              <span key={piece.id} class={piece.typed ? 'typed' : undefined}>
                {piece.text}
              </span>
            ))}
          </div>
          {open && <Prompt onLine={session.send} />}
        </div>
      )}
    </section>
  );
}

/** One line to type, the ones before it by the arrow keys; Tab leaves it. */
function Prompt({ onLine }: { onLine: (line: string) => void }) {
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const history = useRef<string[]>([]);
  /** Steps back from the line that is being typed, and that line. */
  const back = useRef({ steps: 0, draft: '' });
  // With the line itself, not after its first picture: who types at once loses no key.
  useLayoutEffect(() => input.current?.focus(), []);

  const submit = (line: string): void => {
    if (line.trim() !== '' && history.current.at(-1) !== line)
      history.current = [...history.current, line].slice(-HISTORY_MAX);
    back.current = { steps: 0, draft: '' };
    setText('');
    onLine(line);
  };
  const recall = (step: 1 | -1): void => {
    const { steps, draft } = back.current;
    const next = Math.min(history.current.length, Math.max(0, steps + step));
    if (next === steps) return;
    back.current = { steps: next, draft: steps === 0 ? text : draft };
    setText(next === 0 ? back.current.draft : (history.current.at(-next) ?? ''));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
    if (plain && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      recall(event.key === 'ArrowUp' ? 1 : -1);
    }
    // Copying keeps its keys. A session has no signals: this ends an expression that goes over several lines.
    if (event.ctrlKey && !event.shiftKey && event.key === 'c' && `${getSelection() ?? ''}` === '') {
      event.preventDefault();
      setText('');
      onLine('.break');
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit(text);
      }}
    >
      <span aria-hidden="true">&gt;</span>
      <input
        ref={input}
        aria-label="Line for the console"
        aria-describedby="console-keys"
        autocomplete="off"
        autocapitalize="none"
        enterkeyhint="send"
        spellcheck={false}
        maxLength={LINE_MAX_CHARACTERS}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <p id="console-keys">Enter sends, ↑ ↓ bring earlier lines, Ctrl-C drops what is unfinished.</p>
    </form>
  );
}

function noteOf(state: ConsoleState): string {
  if (state === 'opening') return 'Opening…';
  if (state === 'broken') return 'The connection broke. Trying again…';
  return state === 'ended' ? 'The console has ended.' : '';
}
