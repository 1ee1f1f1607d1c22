import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { StepRun } from './app-steps.ts';
import type { UpdaterContext } from './context.ts';
import type { UpdateSubject } from './status-board.ts';

/**
 * Waits while apps hold the update back, unless it is forced.
 * @param endsAll all apps end for it, and not only the one that it is for
 * @throws NodeosError FETCH_FAILED where it is no longer wanted after that
 */
export async function untilReleased(
  { board, ports }: UpdaterContext,
  subject: UpdateSubject,
  endsAll: boolean,
  { signal }: Pick<StepRun, 'signal'>,
): Promise<void> {
  const { name, release } = subject;
  if (release.force) return;
  const onHeld = (by: string): void =>
    board.show(subject, 'installing', { reason: describeError(new NodeosError('UPDATE_HELD', by)) });
  await ports.apps.untilReleased({ name: name ?? 'system', version: release.version, endsAll }, onHeld, signal);
  if (signal.aborted) throw new NodeosError('FETCH_FAILED', `${release.target}: no longer wanted`);
}
