import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Block } from '../parts/block.tsx';
import { Choice, Field } from '../parts/field.tsx';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Command, ConfirmButton, Tags } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';
import { endAfter, endText } from '../words.ts';

const APPROVALS = [
  ['no', 'approve by hand'],
  ['registered', 'approve registered ones'],
  ['yes', 'approve all'],
] as const;
const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** Tokens with which new devices ask to be let in. */
export function ClaimTokens({ devices, notify }: { devices: number; notify: Notify }) {
  // A device that came has used one.
  const { value: tokens, error, reload } = useLoad(api.claimTokens, [devices]);
  const [uses, setUses] = useState('');
  const [days, setDays] = useState('7');
  const [tags, setTags] = useState('');
  const [approve, setApprove] = useState<(typeof APPROVALS)[number][0]>('no');
  const add = (event: Event): void => {
    event.preventDefault();
    api
      .addClaimToken({
        uses: uses === '' ? null : Number(uses),
        expiresAt: endAfter(days),
        tags: words(tags),
        autoApprove: approve !== 'no',
        ...(approve === 'registered' && { approveOnly: { boards: [], networks: [], registered: true } }),
      })
      .then(() => {
        notify.done('The claim token is made');
        reload();
      }, notify.error);
  };
  return (
    <Block
      id="claim-title"
      title="Claim tokens"
      action={
        <form class="inline" onSubmit={add} aria-label="Make a claim token">
          <Field
            label="Devices, empty for any number"
            hint="Devices"
            type="number"
            min="1"
            value={uses}
            onChange={setUses}
          />
          <Field label="Days, empty for ever" hint="Days" type="number" min="1" value={days} onChange={setDays} />
          <Field label="Tags of the devices" hint="Tags" value={tags} onChange={setTags} />
          <Choice label="Approval" value={approve} options={APPROVALS} onChange={setApprove} />
          <button type="submit" class="button solid primary">
            Make
          </button>
        </form>
      }
    >
      <Fault error={error} />
      <List
        label="Claim tokens"
        columns={['Token', 'Used', 'Ends', 'Approves', 'Tags', 'Actions']}
        empty="None yet. A device needs one in its fleet file."
        count={tokens?.length ?? 1}
      >
        {tokens?.map((token) => (
          <tr key={token.id}>
            <th scope="row">
              <Command text={token.token} />
            </th>
            <td class="number">
              {token.used} of {token.uses ?? 'any'}
            </td>
            <td>{endText(token.expiresAt)}</td>
            <td>{token.autoApprove ? (token.approveOnly === undefined ? 'all' : 'some') : 'no'}</td>
            <td>
              <Tags of={token.tags} />
            </td>
            <td>
              <ConfirmButton
                label="End"
                tone="bad"
                question="New devices with it are refused."
                onConfirm={() => {
                  api.endClaimToken(token.id).then(() => {
                    notify.done('The claim token is ended');
                    reload();
                  }, notify.error);
                }}
              />
            </td>
          </tr>
        ))}
      </List>
    </Block>
  );
}
