import { validate } from '@nodeos/contracts/validate.ts';
import {
  newWebhookSchema,
  WEBHOOK_TOPICS,
  type Webhook,
  type WebhookDelivery,
  webhookDeliverySchema,
  webhookSchema,
  webhookTopicSchema,
} from '@nodeos/contracts/webhooks.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { collect, type JsonOption } from '../options.ts';
import { formatAgo, print, printJson, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const listSchema = z.object({ webhooks: z.array(webhookSchema) });
const deliveriesSchema = z.object({ deliveries: z.array(webhookDeliverySchema) });

export const registerWebhooks: RegisterVerb = (program, io) => {
  const verb = program
    .command('webhooks')
    .description('addresses that are told what happens in the fleet')
    .addHelpText('after', example('nodeos webhooks add https://example.com/hook --topic deployment'));

  withServer(verb.command('add'))
    .description('add an address; the secret that signs is printed once')
    .argument('<url>', 'where to post')
    .option('--topic <topic>', `what it is told; repeatable: ${WEBHOOK_TOPICS.join(', ')}; default: all`, collect, [])
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos webhooks add https://example.com/hook --topic deployment'))
    .action(async (url: string, options: ServerOptions & JsonOption & { topic: string[] }) => {
      const topics = validate(z.array(webhookTopicSchema), options.topic, '--topic');
      const body = { url, topics: topics.length > 0 ? topics : WEBHOOK_TOPICS };
      const made = validate(
        newWebhookSchema,
        await (await connect(io, options)).send('POST', '/webhooks', body),
        'the webhook',
      );
      if (options.json) return printJson(io, made);
      print(io, `${made.id} is told of ${made.topics.join(', ')}.`);
      print(io, `secret: ${made.secret}`);
    });

  withServer(verb.command('list'))
    .description('list the addresses')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos webhooks list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const { webhooks } = await (await connect(io, options)).get('/webhooks', listSchema);
      const row = ({ id, url, topics }: Webhook) => [id, url, topics.join(' ')];
      printList(io, options, webhooks, ['ID', 'ADDRESS', 'TOPICS'], row, 'No webhooks yet.');
    });

  withServer(verb.command('deliveries'))
    .description('what was posted to an address, and what became of it')
    .argument('<id>', 'id of the webhook, from the list')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos webhooks deliveries 3f9c0a1b2c3d4e5f'))
    .action(async (id: string, options: ServerOptions & JsonOption) => {
      const client = await connect(io, options);
      const { deliveries } = await client.get(`/webhooks/${encodeURIComponent(id)}/deliveries`, deliveriesSchema);
      const row = (one: WebhookDelivery) => [
        one.type,
        formatAgo(one.createdAt),
        one.state,
        String(one.attempts),
        one.reason ?? String(one.status ?? '-'),
      ];
      const heading = ['TYPE', 'WHEN', 'STATE', 'ATTEMPTS', 'ANSWER'];
      printList(io, options, deliveries, heading, row, 'Nothing was posted yet.');
    });

  withServer(verb.command('test'))
    .description('post an event of type test')
    .argument('<id>', 'id of the webhook, from the list')
    .addHelpText('after', example('nodeos webhooks test 3f9c0a1b2c3d4e5f'))
    .action(async (id: string, options: ServerOptions) => {
      await (await connect(io, options)).send('POST', `/webhooks/${encodeURIComponent(id)}/test`);
      print(io, `An event is on its way; see: nodeos webhooks deliveries ${id}`);
    });

  withServer(verb.command('remove'))
    .description('remove an address')
    .argument('<id>', 'id of the webhook, from the list')
    .addHelpText('after', example('nodeos webhooks remove 3f9c0a1b2c3d4e5f'))
    .action(async (id: string, options: ServerOptions) => {
      await (await connect(io, options)).send('DELETE', `/webhooks/${encodeURIComponent(id)}`);
      print(io, `${id} is told nothing any more.`);
    });
};
