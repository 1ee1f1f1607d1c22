import { DEVICE_ROUTES, type EnrolRequest, enrolAnswerSchema } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { backoffDelay, delay } from './backoff.ts';
import { certificationRequest } from './csr.ts';
import type { Identity } from './identity.ts';
import type { ServerHttp } from './ports.ts';
import { discard, readJson } from './transport/answer.ts';
import { retryAfterMs, ServerBusy } from './transport/retry-after.ts';

const UNREACHABLE_BACKOFF = { baseMs: 250, capMs: 30_000 };
const REFUSED_BACKOFF = { baseMs: 15_000, capMs: 600_000 };

export interface EnrolContext {
  readonly http: ServerHttp;
  readonly fleet: FleetFile;
  readonly identity: Identity;
  readonly board: string;
  readonly systemVersion: string;
  /** Told of each state but the last: waiting for approval, refused, unreachable. */
  readonly onWaiting: (state: 'pending' | 'refused' | 'unreachable', text: string) => void;
  readonly wait?: (milliseconds: number) => Promise<void>;
}

/** Asks for a certificate until there is one; gives it as PEM. */
export async function enrol(context: EnrolContext): Promise<string> {
  const wait = context.wait ?? delay;
  for (let failures = 1; ; failures++) {
    try {
      const answer = await askOnce(context);
      if (answer.state === 'approved') return answer.certificate;
      context.onWaiting('pending', `waiting for approval as ${answer.deviceId}`);
      failures = 0;
      await wait(answer.retryAfterSeconds * 1000);
    } catch (error) {
      const refused = error instanceof NodeosError && error.code === 'ENROLMENT_REFUSED';
      context.onWaiting(refused ? 'refused' : 'unreachable', (error as Error).message);
      const backoffMs = backoffDelay(failures, refused ? REFUSED_BACKOFF : UNREACHABLE_BACKOFF);
      await wait(error instanceof ServerBusy ? error.waitMs * (1 + Math.random() / 20) : backoffMs);
    }
  }
}

/** Asks once, for a device that the server knows. @throws NodeosError FETCH_FAILED, ENROLMENT_REFUSED, INPUT_INVALID */
export async function renew(context: Omit<EnrolContext, 'onWaiting'>): Promise<string> {
  const answer = await askOnce(context);
  if (answer.state !== 'approved') throw new NodeosError('ENROLMENT_REFUSED', 'the server asks for approval again');
  return answer.certificate;
}

async function askOnce(context: Omit<EnrolContext, 'onWaiting'>) {
  const request: EnrolRequest = {
    csr: certificationRequest(context.identity.serial, context.identity.privateKey),
    claimToken: context.fleet.claimToken,
    serial: context.identity.serial,
    board: context.board,
    systemVersion: context.systemVersion,
  };
  const answer = await context.http.request('POST', DEVICE_ROUTES.enrol, { json: request });
  const waitMs = retryAfterMs(answer, Date.now());
  if (waitMs !== null) {
    await discard(answer);
    throw new ServerBusy(`the server is busy: ${answer.status} to enrolment`, waitMs);
  }
  const body = await readJson(answer);
  if (answer.status >= 500) throw new NodeosError('FETCH_FAILED', `the server answered ${answer.status} to enrolment`);
  if (answer.status !== 200 && answer.status !== 202) {
    const reason = (body as { error?: { message?: string } } | null)?.error?.message ?? `status ${answer.status}`;
    throw new NodeosError('ENROLMENT_REFUSED', `the server refused enrolment: ${reason}`);
  }
  return validate(enrolAnswerSchema, body, 'answer to enrolment');
}
