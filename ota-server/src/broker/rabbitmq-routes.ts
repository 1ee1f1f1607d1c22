import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance } from 'fastify';
import { mayInRabbitmq, RABBITMQ_QUESTIONS, type RabbitmqQuestion } from './rabbitmq-rules.ts';

const FORM = 'application/x-www-form-urlencoded';
/** RFC 5280, 4.2.1.12: servers have it, devices do not. */
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';

export function rabbitmqQuestionPath(question: RabbitmqQuestion): string {
  return `/broker/v1/rabbitmq/${question}`;
}

export interface RabbitmqRoutesOptions {
  /** PEM of the authority that signed the broker's certificate. */
  readonly ca: string;
  /** True for devices that are enrolled, approved and not revoked. */
  readonly mayConnect: (deviceId: string) => Promise<boolean>;
}

/** Answers `allow` or `deny` to a RabbitMQ that shows the certificate which `broker-config` wrote for it. */
export function rabbitmqRoutes(app: FastifyInstance, { ca, mayConnect }: RabbitmqRoutesOptions): void {
  const authority = new X509Certificate(ca);
  const brokers = new WeakSet<Partial<TLSSocket>>();
  app.register(async (scope) => {
    scope.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, body, done) =>
      done(null, new URLSearchParams(body as string)),
    );
    scope.addHook('onRequest', async ({ raw }) => {
      const socket = raw.socket as Partial<TLSSocket>;
      if (brokers.has(socket)) return;
      if (!isBroker(socket.getPeerX509Certificate?.(), authority))
        throw new NodeosError('UNAUTHENTICATED', 'the certificate of the fleet’s broker is needed', {
          hint: 'Write it with `nodeos server broker-config rabbitmq` and give it to RabbitMQ.',
        });
      brokers.add(socket);
    });
    for (const question of RABBITMQ_QUESTIONS)
      scope.post(rabbitmqQuestionPath(question), async ({ body }, reply) => {
        if (!(body instanceof URLSearchParams)) throw new NodeosError('INPUT_INVALID', `the body is not ${FORM}`);
        const may = await mayInRabbitmq(question, body, mayConnect);
        return reply.type('text/plain').send(may ? 'allow' : 'deny');
      });
  });
}

/** TLS has proven the key; it has no kind of client that is a server too, so the rest is looked at here. */
function isBroker(certificate: X509Certificate | undefined, authority: X509Certificate): boolean {
  return (
    certificate?.verify(authority.publicKey) === true &&
    certificate.validFromDate.getTime() <= Date.now() &&
    Date.now() < certificate.validToDate.getTime() &&
    (certificate.keyUsage ?? []).includes(SERVER_AUTHENTICATION)
  );
}
