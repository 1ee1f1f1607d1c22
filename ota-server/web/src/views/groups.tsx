import type { Group } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { namedText, windowText } from '../groups.ts';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { SidePanel } from '../parts/side-panel.tsx';
import { ConfirmButton } from '../parts/small.tsx';
import { href } from '../route.ts';
import { useLoad } from '../use-load.ts';
import { GroupForm } from './group-form.tsx';
import { GroupPanel } from './group-panel.tsx';

/** Named sets of devices, as destinations of deployments and holders of maintenance windows. */
export function GroupsPage({ fleet, selected, notify }: { fleet: Fleet; selected: string | null; notify: Notify }) {
  // Not those of the fleet alone: what a device tells can change the size of a group, which is told of as no group.
  const { value, error } = useLoad(api.groups, [fleet.groups, fleet.turn]);
  const [adding, setAdding] = useState(false);
  const groups = value ?? fleet.groups;
  const mayChange = fleet.me.scopes.includes('deploy');
  return (
    <section aria-labelledby="groups-title">
      <div class="page-head">
        <h1 id="groups-title">Groups</h1>
        <span class="faint">Devices come into a group and leave it by themselves, as its query says.</span>
        {mayChange && (
          <button type="button" class="button solid primary push" onClick={() => setAdding(true)}>
            Add a group
          </button>
        )}
      </div>
      <Fault error={error} />
      <div class="groups">
        <List
          label="Groups"
          columns={['Group', 'Holds', 'Devices', 'Updated', ...(mayChange ? ['Actions'] : [])]}
          empty="No groups yet. A deployment can go to a group, and a group can say when its devices are updated."
          count={groups.length}
        >
          {groups.map((group) => (
            <GroupRow key={group.name} group={group} mayChange={mayChange} notify={notify} />
          ))}
        </List>
      </div>
      {adding && (
        <SidePanel onClose={() => setAdding(false)}>
          <h2 id="panel-title">Add a group</h2>
          <GroupForm
            fleet={fleet}
            group={null}
            onSaved={({ name }) => {
              setAdding(false);
              location.hash = href('groups', name);
            }}
            onCancel={() => setAdding(false)}
          />
        </SidePanel>
      )}
      {selected !== null && <GroupPanel key={selected} name={selected} fleet={fleet} />}
    </section>
  );
}

function GroupRow({ group, mayChange, notify }: { group: Group; mayChange: boolean; notify: Notify }) {
  const { name, size, window } = group;
  return (
    <tr data-group={name}>
      <th scope="row">
        <a href={href('groups', name)}>{name}</a>
      </th>
      <td>
        <Holds group={group} />
      </td>
      <td class="number">{size}</td>
      <td class={window === null ? 'faint' : ''}>{window === null ? 'at any time' : windowText(window)}</td>
      {mayChange && (
        <td>
          <ConfirmButton
            label="Remove"
            tone="bad"
            question={`Remove the group ${name}?`}
            onConfirm={() => {
              api.removeGroup(name).then(() => notify.done(`The group ${name} is removed`), notify.error);
            }}
          />
        </td>
      )}
    </tr>
  );
}

/** Its query, and how many are named besides. */
export function Holds({ group }: { group: Pick<Group, 'query' | 'devices'> }) {
  const named = namedText(group);
  if (group.query === null) return <span class={named === null ? 'faint' : ''}>{named ?? 'nobody yet'}</span>;
  return (
    <span class="holds">
      <code>{group.query}</code>
      {named !== null && <span class="faint">and {named}</span>}
    </span>
  );
}
