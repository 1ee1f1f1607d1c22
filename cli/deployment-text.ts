import type { Deployment, DeploymentPlan, Destination } from '@nodeos/contracts/operator-api.ts';
import { formatTable } from './output.ts';

/** What a deployment goes to, in words. */
export function destinationText(to: Destination): string {
  if ('device' in to) return `device ${to.device}`;
  if ('tag' in to) return `tag ${to.tag}`;
  return 'group' in to ? `group ${to.group}` : `query ${to.query}`;
}

/** `12 confirmed, 1 failed` */
export function countsText(counts: Deployment['counts']): string {
  const parts = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
  return parts.length === 0 ? 'no devices' : parts.join(', ');
}

/** Lines about one deployment: its waves, then the devices that have something to tell. */
export function describeDeployment(deployment: Deployment): string[] {
  const { waves, wave, state, reason } = deployment;
  const lines = [
    `${deployment.target} to ${destinationText(deployment.to)}: ${state}${reason === null ? '' : ` (${reason})`}`,
    countsText(deployment.counts),
  ];
  if (waves.length > 1)
    for (const [index, { size, counts }] of waves.entries()) {
      const mark = index === wave ? '>' : ' ';
      lines.push(`${mark} wave ${index + 1}: ${size} device(s): ${countsText(counts)}`);
    }
  for (const device of deployment.devices) {
    const attempt = device.attempts > 1 ? `, attempt ${device.attempts}` : '';
    const later = device.notBefore === null ? '' : `, not before ${new Date(device.notBefore).toISOString()}`;
    const why = device.reason === null ? '' : `: ${device.reason}`;
    lines.push(`  ${device.name} wave ${device.wave + 1}, ${device.state}${attempt}${later}${why}`);
  }
  const hidden = Object.values(deployment.counts).reduce((sum, count) => sum + count, 0) - deployment.devices.length;
  if (hidden > 0) lines.push(`  and ${hidden} more`);
  return lines;
}

/** What a deployment would do. */
export function describePlan(plan: DeploymentPlan): string[] {
  const rows = plan.devices.map((device) => [
    device.name,
    device.state === 'skipped' ? '-' : String(device.wave + 1),
    device.runs ?? '-',
    startText(device),
  ]);
  const waves = plan.waves.map(({ size }, index) => `wave ${index + 1}: ${size}`);
  return [
    `${plan.target} would go to ${plan.devices.filter(({ state }) => state === 'planned').length} device(s); ${waves.join(', ')}. Nothing was changed.`,
    ...(rows.length > 0 ? [formatTable(['DEVICE', 'WAVE', 'RUNS', 'WHEN'], rows)] : []),
  ];
}

function startText({ state, reason, startsAt, wave }: DeploymentPlan['devices'][number]): string {
  if (state === 'skipped') return `never: ${reason}`;
  if (startsAt !== null) return startsAt <= Date.now() ? 'at once' : new Date(startsAt).toISOString();
  return wave === 0 ? 'as limits and approval allow' : `after wave ${wave}`;
}
