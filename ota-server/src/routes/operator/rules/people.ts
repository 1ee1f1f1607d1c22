import {
  apiTokenRequestSchema,
  apiTokenSchema,
  fleetRequestSchema,
  fleetSchema,
  identitySchema,
  newApiTokenSchema,
  passwordChangeSchema,
  sessionFleetSchema,
  sessionRequestSchema,
  sessionSchema,
  sessionStateSchema,
  userPasswordSchema,
  userRequestSchema,
  userRoleSchema,
  userSchema,
} from '@nodeos/contracts/access.ts';
import { auditPageSchema } from '@nodeos/contracts/audit.ts';
import * as z from 'zod';
import { auditQuerySchema } from '../audit.ts';
import type { RouteRules } from './rule.ts';

/** Sessions, users, API tokens and fleets. */
export const PEOPLE_RULES: RouteRules = {
  'GET /api/v1/session': {
    scope: 'public',
    summary: 'Whether the caller is signed in, and by what one signs in',
    answer: sessionStateSchema,
  },
  'POST /api/v1/session': {
    scope: 'public',
    summary: 'Sign in; the answer sets the session cookie',
    body: sessionRequestSchema,
    status: 204,
  },
  'DELETE /api/v1/session': { scope: 'public', summary: 'Sign out', status: 204 },
  'PUT /api/v1/session': {
    scope: null,
    summary: 'Choose the fleet of this session',
    body: sessionFleetSchema,
    status: 204,
    audit: false,
  },

  'GET /api/v1/me': { scope: null, summary: 'Who the server takes the caller for', answer: identitySchema },
  'PUT /api/v1/me/password': {
    scope: null,
    summary: 'Change one’s own password; ends the other sessions',
    body: passwordChangeSchema,
    status: 204,
  },
  'GET /api/v1/me/sessions': {
    scope: null,
    summary: 'One’s own sessions',
    answer: z.object({ sessions: z.array(sessionSchema) }),
  },
  'DELETE /api/v1/me/sessions/:id': { scope: null, summary: 'End one of one’s own sessions', status: 204 },

  'GET /api/v1/fleets': {
    scope: null,
    summary: 'Fleets that the caller may name',
    answer: z.object({ fleets: z.array(fleetSchema) }),
  },
  'POST /api/v1/fleets': { scope: 'server', summary: 'Make a fleet', body: fleetRequestSchema, answer: fleetSchema },

  'GET /api/v1/users': {
    scope: 'people',
    summary: 'People of the fleet',
    answer: z.object({ users: z.array(userSchema) }),
  },
  'POST /api/v1/users': { scope: 'people', summary: 'Add a user', body: userRequestSchema, answer: userSchema },
  'PUT /api/v1/users/:name/role': {
    scope: 'people',
    summary: 'Change the role of a user in this fleet',
    body: userRoleSchema,
    answer: userSchema,
  },
  'PUT /api/v1/users/:name/password': {
    scope: 'people',
    summary: 'Give a user of this fleet only a new password; ends its sessions',
    body: userPasswordSchema,
    status: 204,
  },
  'DELETE /api/v1/users/:name': {
    scope: 'people',
    summary: 'Take a user out of the fleet; out of the server where it was the last one',
    status: 204,
  },

  'GET /api/v1/audit': {
    scope: 'audit',
    summary: 'The audit log of the fleet, newest first',
    query: auditQuerySchema,
    answer: auditPageSchema,
  },
  'GET /api/v1/audit/check': {
    scope: 'audit',
    summary: 'Whether the chain of the audit log is whole',
    answer: z.object({ entries: z.number().int(), fault: z.string().nullable() }),
  },

  'GET /api/v1/tokens': {
    scope: null,
    summary: 'API tokens: one’s own, for administrators all of the fleet',
    answer: z.object({ tokens: z.array(apiTokenSchema) }),
  },
  'POST /api/v1/tokens': {
    scope: null,
    summary: 'Make an API token; its secret is in this answer only',
    body: apiTokenRequestSchema,
    answer: newApiTokenSchema,
  },
  'DELETE /api/v1/tokens/:id': { scope: null, summary: 'Revoke an API token', status: 204 },
};
