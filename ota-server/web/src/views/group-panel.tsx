import type { GroupDetail } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { windowText } from '../groups.ts';
import { SidePanel } from '../parts/side-panel.tsx';
import { Ago, Badge, Command } from '../parts/small.tsx';
import { deployToHref, href } from '../route.ts';
import { useLoad } from '../use-load.ts';
import { deploymentTone, deploymentWord, devicesText } from '../words.ts';
import { GroupForm } from './group-form.tsx';
import { Holds } from './groups.tsx';

const MEMBERS_SHOWN = 200;

/** One group, beside the list. */
export function GroupPanel({ name, fleet }: { name: string; fleet: Fleet }) {
  const { value: group, error, reload } = useLoad(() => api.group(name), [fleet.groups, fleet.turn]);
  const [editing, setEditing] = useState(false);
  return (
    <SidePanel
      onClose={() => {
        location.hash = href('groups');
      }}
    >
      {group === null || error !== null ? (
        <h2 id="panel-title">{error === null ? 'Loading…' : error.message}</h2>
      ) : editing ? (
        <>
          <h2 id="panel-title">Edit {name}</h2>
          <GroupForm
            fleet={fleet}
            group={group}
            names={new Map(group.members.map((member) => [member.id, member.name]))}
            onSaved={() => {
              setEditing(false);
              reload();
            }}
            onCancel={() => setEditing(false)}
          />
        </>
      ) : (
        <GroupContent group={group} fleet={fleet} onEdit={() => setEditing(true)} />
      )}
    </SidePanel>
  );
}

function GroupContent({ group, fleet, onEdit }: { group: GroupDetail; fleet: Fleet; onEdit: () => void }) {
  const { name, window, size, members, createdAt } = group;
  const mayChange = fleet.me.scopes.includes('deploy');
  const deployments = fleet.deployments.filter(({ to }) => 'group' in to && to.group === name);
  return (
    <>
      <header class="panel-head">
        <h2 id="panel-title">{name}</h2>
        {mayChange && (
          <div class="actions">
            <button type="button" class="button solid primary" onClick={onEdit}>
              Edit
            </button>
            <a class="button" href={deployToHref(`group:${name}`)}>
              Deploy to it
            </a>
          </div>
        )}
      </header>
      <dl class="facts">
        <div class="wide">
          <dt>Holds</dt>
          <dd>
            <Holds group={group} />
          </dd>
        </div>
        <div class="wide">
          <dt>Its devices are updated</dt>
          <dd>{window === null ? 'at any time' : `${windowText(window)}, in the local time of each`}</dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{devicesText(size)}</dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>
            <Ago at={createdAt} />
          </dd>
        </div>
      </dl>
      <section aria-labelledby="group-deployments-title">
        <h3 id="group-deployments-title">Deployments to it</h3>
        {deployments.length === 0 && (
          <p class="faint">
            None yet. {mayChange && <Command text={`nodeos deploy <app>@<version> --group ${name}`} />}
          </p>
        )}
        <ul class="rows">
          {deployments.map((deployment) => (
            <li key={deployment.id}>
              <a href={href('deployments', deployment.id)}>
                {deployment.name} {deployment.version}
              </a>
              <Badge tone={deploymentTone(deployment.state)}>{deploymentWord(deployment.state)}</Badge>
            </li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="group-members-title">
        <h3 id="group-members-title">
          Devices in it <span class="count">{size}</span>
        </h3>
        {size === 0 && <p class="faint">None now.</p>}
        <ul class="rows" aria-labelledby="group-members-title">
          {members.slice(0, MEMBERS_SHOWN).map((member) => (
            <li key={member.id}>
              <a href={href('devices', member.id)}>{member.name}</a>
              <span class="line end">
                {group.devices.includes(member.id) && <span class="tag">named</span>}
                <code class="faint">{member.id.slice(0, 8)}</code>
              </span>
            </li>
          ))}
        </ul>
        {size > MEMBERS_SHOWN && <p class="faint">and {devicesText(size - MEMBERS_SHOWN)} more</p>}
      </section>
    </>
  );
}
