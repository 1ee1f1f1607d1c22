import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseEvents } from './server-sent-events.ts';

async function parse(...chunks: string[]) {
  const source = async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
  };
  const events = [];
  for await (const event of parseEvents(source())) events.push(event);
  return events;
}

describe('parseEvents', () => {
  it('reads events that are cut anywhere', async () => {
    const text = 'event: log\ndata: one\ndata: two\n\n: comment\ndata:x\n\n';
    const expected = [
      { event: 'log', data: 'one\ntwo' },
      { event: 'message', data: 'x' },
    ];
    assert.deepEqual(await parse(text), expected);
    assert.deepEqual(await parse(...text), expected);
    assert.deepEqual(await parse(...text.replaceAll('\n', '\r\n')), expected);
  });

  it('drops an event that the stream did not finish, and one without data', async () => {
    assert.deepEqual(await parse('event: log\n\ndata: never'), []);
  });

  it('joins characters whose bytes came apart', async () => {
    const [first, second] = [
      Buffer.from('data: €\n\n').toString('latin1', 0, 7),
      Buffer.from('data: €\n\n').toString('latin1', 7),
    ];
    assert.deepEqual(await parse(first, second), [{ event: 'message', data: '€' }]);
  });
});
