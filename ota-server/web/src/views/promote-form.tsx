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
  const [forAll, setForAll] = useState(channel !== null);
  const [name, setName] = useState('');
  const devices = devicesFor(release, fleet.devices);
  const tags = devices.flatMap((device) => device.tags).filter(isChannel);
  const known = [...new Set([...channelsOf(fleet.releases), ...tags])].filter((one) => one !== channel).sort();
  const wanted = forAll ? null : name.trim();
  const malformed = wanted !== null && wanted !== '' && !isChannel(wanted);
  const reached = wanted === null ? devices : devices.filter((device) => device.tags.includes(wanted));
  const offered = !malformed && wanted !== '' && wanted !== channel;
  return (
    <div class="promote">
      <fieldset>
        <legend>Then it is for</legend>
        <label>
          <input type="radio" name="promote-to" checked={forAll} onChange={() => setForAll(true)} /> all devices
        </label>
        <label>
          <input type="radio" name="promote-to" checked={!forAll} onChange={() => setForAll(false)} /> devices with the
          tag
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
          onFocus={() => setForAll(false)}
          onChange={setName}
        />
        <datalist id="known-channels">
          {known.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </fieldset>
      <p id="promote-says" role="status" class={malformed ? 'field-error' : 'faint'}>
        {malformed && 'A channel has lower-case letters, digits and dashes, a letter first, at most 32.'}
        {offered &&
          `${reached.length} of ${devices.length} devices may take it then; now it is for ${channelText(channel)}.`}
        {wanted === channel && channel === before && `It is for ${channelText(channel)} already.`}
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
        {!offered && channel !== before && (
          <Badge tone="good">
            {release.name} {release.version} is for {channelText(channel)} now
          </Badge>
        )}
      </p>
    </div>
  );
}
