import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { type RowState, rowWord } from '../words.ts';
import { DeploymentBar } from './deployment-bar.tsx';

/** The steps of a rollout, the one that runs marked. */
export function Waves({ deployment: { waves, wave, state, rollout } }: { deployment: Deployment }) {
  const limit = rollout.maxFailurePercent;
  return (
    <ol class="waves" aria-label="Waves">
      {waves.map(({ size, counts }, index) => (
        <li
          key={index}
          class={index < wave ? 'over' : index === wave ? 'now' : 'later'}
          aria-current={index === wave && state !== 'done' ? 'step' : undefined}
        >
          <span class="wave-name">
            {index === 0 ? 'Canary' : index === waves.length - 1 ? 'All' : `Wave ${index + 1}`}
          </span>
          <span class="number faint">{size} devices</span>
          <DeploymentBar counts={counts} />
          <span class="faint">
            {Object.entries(counts)
              .map(([name, count]) => `${count} ${rowWord(name as RowState).toLowerCase()}`)
              .join(', ')}
          </span>
        </li>
      ))}
      {limit !== null && (
        <li class="rule faint">
          More than {limit} % failed in a wave:{' '}
          {rollout.onFailure === 'halt' ? 'no further device begins' : 'all go back'}
        </li>
      )}
    </ol>
  );
}
