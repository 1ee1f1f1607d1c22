import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Command, ConfirmButton } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';
import { timeText } from '../words.ts';

const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** Tokens with which new devices ask to be let in. */
export function ClaimTokens({ devices, notify }: { devices: number; notify: Notify }) {
  // A device that came has used one.
  const { value: tokens, error, reload } = useLoad(api.claimTokens, [devices]);
  const [uses, setUses] = useState('');
  const [days, setDays] = useState('7');
  const [tags, setTags] = useState('');
  const [approve, setApprove] = useState<'no' | 'registered' | 'yes'>('no');
  const add = (event: Event): void => {
    event.preventDefault();
    api
      .addClaimToken({
        uses: uses === '' ? null : Number(uses),
        expiresAt: days === '' ? null : Date.now() + Number(days) * 86_400_000,
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
    <section class="block" aria-labelledby="claim-title">
      <div class="block-head">
        <h2 id="claim-title">Claim tokens</h2>
        <form class="inline" onSubmit={add} aria-label="Make a claim token">
          <input
            type="number"
            min="1"
            aria-label="Devices, empty for any number"
            placeholder="Devices"
            value={uses}
            onInput={(event) => setUses(event.currentTarget.value)}
          />
          <input
            type="number"
            min="1"
            aria-label="Days, empty for ever"
            placeholder="Days"
            value={days}
            onInput={(event) => setDays(event.currentTarget.value)}
          />
          <input
            aria-label="Tags of the devices"
            placeholder="Tags"
            value={tags}
            onInput={(event) => setTags(event.currentTarget.value)}
          />
          <select
            aria-label="Approval"
            value={approve}
            onChange={(event) => setApprove(event.currentTarget.value as typeof approve)}
          >
            <option value="no">approve by hand</option>
            <option value="registered">approve registered ones</option>
            <option value="yes">approve all</option>
          </select>
          <button type="submit" class="button solid primary">
            Make
          </button>
        </form>
      </div>
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
            <td>{token.expiresAt === null ? 'never' : timeText(token.expiresAt)}</td>
            <td>{token.autoApprove ? (token.approveOnly === undefined ? 'all' : 'some') : 'no'}</td>
            <td>
              {token.tags.map((tag) => (
                <span key={tag} class="tag">
                  {tag}
                </span>
              ))}
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
    </section>
  );
}
