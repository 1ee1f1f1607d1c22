import {
  claimTokenRequestSchema,
  deviceSummarySchema,
  listedClaimTokenSchema,
} from '@nodeos/contracts/operator-api.ts';
import { registrationSchema, registrationsAnswerSchema, replaceRequestSchema } from '@nodeos/contracts/provisioning.ts';
import * as z from 'zod';
import type { RouteRules } from './rule.ts';

export const PROVISIONING_RULES: RouteRules = {
  'GET /api/v1/claim-tokens': {
    scope: 'provision',
    summary: 'Claim tokens of the fleet',
    answer: z.object({ claimTokens: z.array(listedClaimTokenSchema) }),
  },
  'POST /api/v1/claim-tokens': {
    scope: 'provision',
    summary: 'Make a claim token',
    body: claimTokenRequestSchema,
    answer: listedClaimTokenSchema,
  },
  'DELETE /api/v1/claim-tokens/:id': { scope: 'provision', summary: 'End a claim token', status: 204 },
  'GET /api/v1/registrations': {
    scope: 'provision',
    summary: 'Serial numbers that are expected',
    answer: z.object({ registrations: z.array(registrationSchema) }),
  },
  'PUT /api/v1/registrations': {
    scope: 'provision',
    summary: 'Register serial numbers from comma-separated values: serial,tags,approve',
    body: 'text',
    answer: registrationsAnswerSchema,
  },
  'DELETE /api/v1/registrations/:serial': {
    scope: 'provision',
    summary: 'Expect a serial number no longer',
    status: 204,
  },
  'POST /api/v1/devices/:id/replace': {
    scope: 'devices',
    summary: 'Give a device the tags and pins of another one, which is shut out',
    body: replaceRequestSchema,
    answer: deviceSummarySchema,
  },
  'DELETE /api/v1/devices/:id': {
    scope: 'devices',
    summary: 'Take a device and its history out of the fleet for good',
    status: 204,
  },
};
