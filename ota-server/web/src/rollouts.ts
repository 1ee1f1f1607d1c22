import type { Deployment, DeploymentRequest } from '@nodeos/contracts/operator-api.ts';

export type Rollout = DeploymentRequest['rollout'];

interface Choice {
  readonly label: string;
  readonly rollout: NonNullable<Rollout>;
}

/** The rollouts that the dashboard offers; `nodeos deploy` has each setting of its own. */
export const WAVES = {
  all: { label: 'all at once', rollout: {} },
  canary: {
    label: '5 first, then 25 %, then all',
    rollout: { waves: [{ devices: 5 }, { percent: 25 }], maxFailurePercent: 10, patienceSeconds: 3600 },
  },
  approved: {
    label: '5 first, each wave approved',
    rollout: { waves: [{ devices: 5 }], maxFailurePercent: 10, patienceSeconds: 3600, approval: 'waves' },
  },
} as const satisfies Readonly<Record<string, Choice>>;

/**
 * What devices do with the release. `forced` is outside of maintenance windows too, and waits for no app that holds
 * updates back.
 */
export const WAYS = {
  update: { label: 'updates when it may', rollout: {} },
  forced: { label: 'updates now, whatever holds it up', rollout: { forced: true } },
  fetch: { label: 'only fetches it', rollout: { downloadOnly: true } },
  downgrade: { label: 'also goes back from a newer version', rollout: { allowDowngrade: true } },
} as const satisfies Readonly<Record<string, Choice>>;

export const rolloutOf = (waves: keyof typeof WAVES, way: keyof typeof WAYS): Rollout => ({
  ...WAVES[waves].rollout,
  ...WAYS[way].rollout,
});

/** What sets a rollout apart that an operator should not overlook. */
export function rolloutMarks({ forced, downloadOnly, allowDowngrade }: Deployment['rollout']): readonly string[] {
  return [
    ...(forced ? ['forced'] : []),
    ...(downloadOnly ? ['fetch only'] : []),
    ...(allowDowngrade ? ['downgrade'] : []),
  ];
}
