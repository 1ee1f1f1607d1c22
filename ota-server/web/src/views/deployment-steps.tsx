import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { api } from '../api.ts';
import type { Notify } from '../parts/notices.tsx';
import { ConfirmButton } from '../parts/small.tsx';

const OVER: readonly Deployment['state'][] = ['aborted', 'turned-back', 'turning-back'];

/** What an operator may do to a deployment in its state. */
export function DeploymentSteps({ deployment, notify }: { deployment: Deployment; notify: Notify }) {
  const { id, name, version, state, wave } = deployment;
  const run = (work: Promise<unknown>, done: string): void => {
    work.then(() => notify.done(`${name} ${version} ${done}`), notify.error);
  };
  if (OVER.includes(state)) return null;
  return (
    <span class="line steps">
      {state === 'awaiting-approval' && (
        <button
          type="button"
          class="button solid primary"
          onClick={() => run(api.steer(id, 'approve'), `goes on with wave ${wave + 1}`)}
        >
          Approve wave {wave + 1}
        </button>
      )}
      {(state === 'running' || state === 'awaiting-approval') && (
        <button type="button" class="button" onClick={() => run(api.steer(id, 'pause'), 'is paused')}>
          Pause
        </button>
      )}
      {(state === 'paused' || state === 'halted') && (
        <button type="button" class="button" onClick={() => run(api.steer(id, 'resume'), 'goes on')}>
          Resume
        </button>
      )}
      <ConfirmButton
        label="Turn back"
        tone="bad"
        question="Devices that took it go back to what they ran."
        onConfirm={() => run(api.turnBack(id), 'is turned back')}
      />
      <ConfirmButton
        label="Abort"
        tone="bad"
        question="Devices want again what was deployed before."
        onConfirm={() => run(api.abort(id), 'is taken back')}
      />
    </span>
  );
}
