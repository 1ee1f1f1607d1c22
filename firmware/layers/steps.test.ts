import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { Steps } from './steps.ts';

function context(): BuildContext {
  return { cacheRoot: '', signal: new AbortController().signal, progress: () => {}, locked: false };
}

/** A step that goes on until it is interrupted. */
function endless({ signal }: BuildContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new NodeosError('INTERRUPTED', 'it was interrupted')));
  });
}

test('a step that several layers need is made once', async () => {
  const steps = new Steps(context());
  let made = 0;
  const make = async (): Promise<number> => ++made;
  assert.deepEqual(await steps.together(steps.once('init', make), steps.once('init', make)), [1, 1]);
});

test('the fault that came first is reported, not that the others were interrupted, also from a step within a step', async () => {
  const steps = new Steps(context());
  let end: (error: Error) => void = () => {};
  const failing = new Promise<never>((_resolve, reject) => {
    end = reject;
  });
  const inner = steps.together(failing, endless(steps.context));
  const outer = steps.together(endless(steps.context), inner);
  end(new NodeosError('NETWORK_UNREACHABLE', 'no mirror'));
  await assert.rejects(outer, /no mirror/);
});
