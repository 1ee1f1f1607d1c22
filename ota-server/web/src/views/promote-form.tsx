import type { Release } from '@nodeos/contracts/operator-api.ts';
import { channelSchema } from '@nodeos/contracts/release.ts';
import { useState } from 'preact/hooks';
import type { Fleet } from '../fleet.ts';
import { Field } from '../parts/field.tsx';
import { Badge, Command } from '../parts/small.tsx';
import { channelOf, channelsOf, channelText, devicesFor, wordFor } from '../releases.ts';

const isChannel = (text: string): boolean => channelSchema.safeParse(text).success;

/**
 * For whom a release shall be. The release key signs that, and must not come near a page of the server: so this gives
 * the command for the machine that has the key, and shows the moment at which the server has the signed list.
 */
export function PromoteForm({ release, fleet }: { release: Release; fleet: Fleet }) {
  const channel = channelOf(release);
  const [before] = useState(channel);
  // Until something else is chosen, it stands for what is: also after somebody else has promoted the release.
  const [choice, setChoice] = useState<{ readonly forAll: boolean; readonly name: string } | null>(null);
  const { forAll, name } = choice ?? { forAll: channel === null, name: channel ?? '' };
  const reach = (of: string | null): number => devicesFor(release, fleet.overview, of);
  const all = reach(null);
  const tags = fleet.overview.tags.map(({ tag }) => tag).filter((tag) => isChannel(tag) && reach(tag) > 0);
  const known = [...new Set([...channelsOf(fleet.releases), ...tags])].sort();
  const wanted = forAll ? null : name.trim();
  const malformed = wanted !== null && wanted !== '' && !isChannel(wanted);
  const offered = !malformed && wanted !== '' && wanted !== channel;
  return (
    <div class="promote">
      <fieldset>
        <legend>It is for</legend>
        <label>
          <input
            type="radio"
            name="promote-to"
            checked={forAll}
            onChange={() => setChoice({ forAll: true, name: '' })}
          />{' '}
          all devices
        </label>
        <label>
          <input type="radio" name="promote-to" checked={!forAll} onChange={() => setChoice({ forAll: false, name })} />{' '}
          devices with the tag
        </label>
        <Field
          class="field"
          label="Channel"
          hint="beta"
          list="known-channels"
          maxLength={32}
          spellcheck={false}
          autocomplete="off"
          value={name}
          aria-invalid={malformed}
          aria-describedby="promote-says"
          onChange={(text) => setChoice({ forAll: false, name: text })}
        />
        <datalist id="known-channels">
          {known.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </fieldset>
      <p id="promote-says" role="status" class={malformed ? 'field-error' : 'faint'}>
        {malformed && 'A channel has lower-case letters, digits and dashes, a letter first, at most 32.'}
        {offered && `Then ${reach(wanted)} of ${all} devices may take it; now ${reach(channel)}.`}
        {wanted === channel && `${reach(channel)} of ${all} devices may take it.`}
      </p>
      {offered && (
        <>
          <p>The release key signs for whom a release is, and this server does not have it. Run where the key is:</p>
          <Command
            text={`nodeos promote ${wordFor(release, fleet.releases)}${wanted === null ? '' : ` --channel ${wanted}`} --keys keys`}
          />
        </>
      )}
      <p role="status">
        {offered && <Badge tone="busy">Waits for the signature</Badge>}
        {wanted === channel && channel !== before && (
          <Badge tone="good">
            {release.name} {release.version} is for {channelText(channel)} now
          </Badge>
        )}
      </p>
    </div>
  );
}
