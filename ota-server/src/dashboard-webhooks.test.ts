import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { runServer } from './testing/running-server.ts';
import { signedHeaders } from './webhooks/sign.ts';

/** Takes the first event, and none after it. */
async function receiver(context: TestContext) {
  const received: { headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8');
    request.toArray().then((parts) => {
      received.push({ headers: request.headers, body: parts.join('') });
      response.writeHead(received.length === 1 ? 200 : 410).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

test('webhooks: one is added, its secret is shown once and signs, its last delivery is told, and it is removed', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const { url, received } = await receiver(context);
  await signIn(page, running);
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByText('No webhooks yet.').waitFor();
  const form = page.getByRole('form', { name: 'Add a webhook' });
  await form.getByLabel('Address to post to').fill(url);
  await form.getByLabel('release').press('Space');
  await page.keyboard.press('Enter');
  const secret = await page.getByText(`The secret that signs what ${url} gets`).locator('code').textContent();
  const row = page.getByRole('row', { name: `${url} device, deployment nothing posted yet` });
  await row.waitFor();
  await page.getByRole('button', { name: `Post a test to ${url}` }).press('Enter');
  const webhooks = page.getByRole('table', { name: 'Webhooks' });
  await webhooks.getByText('Delivered').waitFor();
  const [first] = received;
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signature } = first?.headers ?? {};
  const expected = signedHeaders(secret as string, id as string, first?.body as string, Number(seconds) * 1000);
  assert.equal(signature, expected['webhook-signature']);
  await shoot(page, 'webhooks', true);
  await page.getByRole('button', { name: `Post a test to ${url}` }).press('Enter');
  await webhooks.getByText('Failed').waitFor();
  await webhooks.getByText('the receiver answered 410').waitFor();
  assert.equal(received.length, 2);

  await page.reload();
  await webhooks.getByText('Failed').waitFor();
  assert.doesNotMatch(await page.content(), /whsec_/);
  await webhooks.getByRole('button', { name: 'Remove' }).click();
  await webhooks.getByRole('group').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('No webhooks yet.').waitFor();
  assert.deepEqual((await running.operator('GET', '/api/v1/webhooks')).json, { webhooks: [] });
});
