import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Icon } from '../parts/icon.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Tags } from '../parts/small.tsx';

/** Tags decide which deployments reach the device. */
export function TagEditor({ device, mayChange, notify }: { device: DeviceDetail; mayChange: boolean; notify: Notify }) {
  const [text, setText] = useState('');
  const save = (tags: string[]): void => {
    api.setTags(device.id, tags).then(() => setText(''), notify.error);
  };
  if (!mayChange)
    return (
      <p class="tags">
        <Tags of={device.tags} />
      </p>
    );
  return (
    <form
      class="tags"
      aria-label="Tags"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '') save([...device.tags, text.trim()]);
      }}
    >
      {device.tags.map((tag) => (
        <span key={tag} class="tag">
          {tag}
          <button
            type="button"
            class="icon-button"
            aria-label={`Remove the tag ${tag}`}
            onClick={() => save(device.tags.filter((one) => one !== tag))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      <input
        aria-label="Add a tag"
        placeholder="Add a tag"
        maxLength={64}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}
