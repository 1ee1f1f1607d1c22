import type { Release } from '@nodeos/contracts/operator-api.ts';
import type { Fleet } from '../fleet.ts';
import { Icon } from '../parts/icon.tsx';
import { SidePanel } from '../parts/side-panel.tsx';
import { Ago, Badge, Channel } from '../parts/small.tsx';
import { bytesText, channelOf, releaseIcon, runsOnText, systemText } from '../releases.ts';
import { deployHref, href } from '../route.ts';
import { deploymentTone, deploymentWord, destinationText } from '../words.ts';
import { PromoteForm } from './promote-form.tsx';

/** One release, beside the list. */
export function ReleasePanel({ release, fleet }: { release: Release; fleet: Fleet }) {
  const { name, version, target, custom, bytes, sha256, publishedAt } = release;
  const deployments = fleet.deployments.filter((deployment) => deployment.target === target);
  return (
    <SidePanel
      onClose={() => {
        location.hash = href('releases');
      }}
    >
      <header class="panel-head">
        <h2 id="panel-title">
          <Icon name={releaseIcon(release)} /> {name} {version}
        </h2>
        <p class="under">
          <code>{target}</code>
        </p>
        {fleet.me.scopes.includes('deploy') && (
          <div class="actions">
            <a class="button solid primary" href={deployHref(target)}>
              Deploy
            </a>
          </div>
        )}
      </header>
      {custom.notes !== '' && <p class="notes">{custom.notes}</p>}
      <dl class="facts">
        <div>
          <dt>For</dt>
          <dd>
            <Channel of={channelOf(release)} />
          </dd>
        </div>
        <div>
          <dt>Needs system</dt>
          <dd>{systemText(release)}</dd>
        </div>
        <div>
          <dt>Runs on</dt>
          <dd>{runsOnText(release, fleet.overview)} devices</dd>
        </div>
        <div>
          <dt>Published</dt>
          <dd>
            <Ago at={publishedAt} />
          </dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{bytesText(bytes)}</dd>
        </div>
        <div>
          <dt>SHA-256</dt>
          <dd>
            <code>{sha256}</code>
          </dd>
        </div>
      </dl>
      {fleet.me.scopes.includes('publish') && (
        <section aria-labelledby="promote-title">
          <h3 id="promote-title">Promote</h3>
          <PromoteForm release={release} fleet={fleet} />
        </section>
      )}
      <section aria-labelledby="release-deployments-title">
        <h3 id="release-deployments-title">Deployments</h3>
        {deployments.length === 0 && <p class="faint">It was not deployed yet.</p>}
        <ul class="rows">
          {deployments.map(({ id, to, state }) => (
            <li key={id}>
              <a href={href('deployments', id)}>to {destinationText(to)}</a>
              <Badge tone={deploymentTone(state)}>{deploymentWord(state)}</Badge>
            </li>
          ))}
        </ul>
      </section>
    </SidePanel>
  );
}
