import {
  type NewWebhook,
  WEBHOOK_TOPICS,
  type Webhook,
  type WebhookDelivery,
  type WebhookTopic,
} from '@nodeos/contracts/webhooks.ts';
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Block } from '../parts/block.tsx';
import { Field } from '../parts/field.tsx';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Badge, Command, ConfirmButton } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';
import type { Tone } from '../words.ts';

const DELIVERY_STATES: Readonly<Record<WebhookDelivery['state'], readonly [string, Tone]>> = {
  waiting: ['Waiting', 'busy'],
  delivered: ['Delivered', 'good'],
  failed: ['Failed', 'bad'],
};
/** No event of the server tells of deliveries; while one waits, it is asked again. */
const ASK_AGAIN_MS = 2000;

/** Addresses that are told what happens in the fleet; the secret that signs is shown once. */
export function Webhooks({ notify }: { notify: Notify }) {
  const { value: webhooks, error, reload } = useLoad(api.webhooks);
  const [url, setUrl] = useState('');
  const [topics, setTopics] = useState<readonly WebhookTopic[]>(WEBHOOK_TOPICS);
  const [made, setMade] = useState<NewWebhook | null>(null);
  const add = (event: Event): void => {
    event.preventDefault();
    api.addWebhook({ url: url.trim(), topics: [...topics] }).then((webhook) => {
      setMade(webhook);
      setUrl('');
      reload();
    }, notify.error);
  };
  const remove = (webhook: Webhook): void => {
    api.removeWebhook(webhook.id).then(() => {
      notify.done(`${webhook.url} is told nothing any more`);
      setMade((now) => (now?.id === webhook.id ? null : now));
      reload();
    }, notify.error);
  };
  return (
    <Block id="webhooks-title" title="Webhooks">
      <form class="stacked" onSubmit={add} aria-label="Add a webhook">
        <div class="inline">
          <Field
            class="field address"
            label="Address to post to"
            hint="https://example.com/hook"
            type="url"
            required
            maxLength={1024}
            value={url}
            onChange={setUrl}
          />
          <button type="submit" class="button solid primary" disabled={url.trim() === '' || topics.length === 0}>
            Add
          </button>
        </div>
        <fieldset class="checks">
          <legend>Is told of each</legend>
          {WEBHOOK_TOPICS.map((topic) => (
            <label key={topic}>
              <input
                type="checkbox"
                checked={topics.includes(topic)}
                onChange={({ currentTarget: { checked } }) =>
                  setTopics(WEBHOOK_TOPICS.filter((one) => (one === topic ? checked : topics.includes(one))))
                }
              />{' '}
              {topic}
            </label>
          ))}
        </fieldset>
      </form>
      {made !== null && (
        <p class="made" role="status">
          The secret that signs what {made.url} gets, shown once: <Command text={made.secret} />
        </p>
      )}
      <Fault error={error} />
      <List
        label="Webhooks"
        columns={['Address', 'Is told of', 'Last delivery', 'Actions']}
        empty="No webhooks yet. A program elsewhere can be told of devices, deployments and releases."
        count={webhooks?.length ?? 1}
      >
        {webhooks?.map((webhook) => (
          <WebhookRow key={webhook.id} webhook={webhook} notify={notify} onRemove={() => remove(webhook)} />
        ))}
      </List>
    </Block>
  );
}

function WebhookRow({ webhook, notify, onRemove }: { webhook: Webhook; notify: Notify; onRemove: () => void }) {
  const { id, url, topics } = webhook;
  const { value: deliveries, reload } = useLoad(() => api.deliveries(id));
  const [last] = deliveries ?? [];
  useEffect(() => {
    if (last?.state !== 'waiting') return;
    const timer = setTimeout(reload, ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [deliveries]);
  return (
    <tr>
      <th scope="row" class="address">
        {url}
      </th>
      <td>{topics.join(', ')}</td>
      <td>{deliveries !== null && <LastDelivery delivery={last} />}</td>
      <td>
        <button
          type="button"
          class="button"
          aria-label={`Post a test to ${url}`}
          onClick={() => {
            api.testWebhook(id).then(reload, notify.error);
          }}
        >
          Test
        </button>{' '}
        <ConfirmButton label="Remove" tone="bad" question="It is told nothing any more." onConfirm={onRemove} />
      </td>
    </tr>
  );
}

function LastDelivery({ delivery }: { delivery: WebhookDelivery | undefined }) {
  if (delivery === undefined) return <span class="faint">nothing posted yet</span>;
  const { state, type, status, reason, createdAt } = delivery;
  const [word, tone] = DELIVERY_STATES[state];
  const answer = reason ?? (status === null ? null : `answer ${status}`);
  return (
    <span class="delivery">
      <Badge tone={tone}>{word}</Badge> <span>{type}</span>{' '}
      <span class="faint">
        <Ago at={createdAt} />
        {state !== 'delivered' && answer !== null && `: ${answer}`}
      </span>
    </span>
  );
}
