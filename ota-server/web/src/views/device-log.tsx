import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { Choice } from '../parts/field.tsx';
import { Fault } from '../parts/list.tsx';
import { LOG_LINES_MAX, type LogLine, useLog } from '../use-log.ts';
import { useTail } from '../use-tail.ts';
import { clockText } from '../words.ts';

const ALL = '';
const AGENT = 'agent';

/** What the device and its apps say now, for as long as somebody wants to see it. */
export function DeviceLog({ device }: { device: DeviceDetail }) {
  const [source, setSource] = useState(ALL);
  const log = useLog(device.id);
  const tail = useTail(log.lines);
  const follows = log.state !== 'stopped';
  const follow = (from: string): void => log.follow(from === ALL ? null : from);
  const choose = (from: string): void => {
    setSource(from);
    if (follows) follow(from);
  };
  return (
    <section aria-labelledby="panel-log" class="live-part">
      <h3 id="panel-log">Log</h3>
      <div class="inline">
        <Choice
          label="Lines of"
          value={source}
          options={[
            [ALL, 'all'],
            ...Object.keys(device.apps).map((name) => [name, name] as const),
            [AGENT, 'the agent'],
          ]}
          onChange={choose}
        />
        <button
          type="button"
          class="button"
          disabled={!follows && !device.online}
          onClick={() => (follows ? log.stop() : follow(source))}
        >
          {follows ? 'Stop' : 'Follow'}
        </button>
        <span class="live-note" role="status">
          {noteOf(log.state, device.online, log.lines.length)}
        </span>
      </div>
      <Fault error={log.error} />
      {(follows || log.lines.length > 0) && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <div class="pane log" role="log" aria-labelledby="panel-log" tabIndex={0} {...tail}>
          {log.lines.map((line) => (
            <Line key={line.id} line={line} />
          ))}
        </div>
      )}
    </section>
  );
}

function Line({ line }: { line: LogLine }) {
  const at = new Date(line.at).toISOString();
  return (
    <p class={line.stream}>
      <time dateTime={at} title={at}>
        {clockText(line.at)}
      </time>
      <span>
        <b>{line.source} </b>
        {line.stream === 'stderr' && <i>stderr </i>}
        {line.text}
      </span>
    </p>
  );
}

function noteOf(state: ReturnType<typeof useLog>['state'], online: boolean, lines: number): string {
  if (state === 'broken') return 'The connection broke. Trying again…';
  if (!online) return state === 'stopped' ? 'The device is offline.' : 'The device is offline. Waiting for it…';
  if (state === 'connecting') return 'Connecting…';
  if (state === 'following' && lines === 0) return 'Nothing said yet.';
  return lines === LOG_LINES_MAX ? `The newest ${LOG_LINES_MAX} lines` : '';
}
