import {
  deviceActionAnswerSchema,
  deviceActionRequestSchema,
  devicePageRequestSchema,
  fleetOverviewSchema,
} from '@nodeos/contracts/device-list.ts';
import { metricsAnswerSchema } from '@nodeos/contracts/metrics.ts';
import {
  deploymentPageSchema,
  deploymentPlanSchema,
  deploymentRequestSchema,
  deploymentSchema,
  deviceDetailSchema,
  deviceSummarySchema,
  groupDetailSchema,
  groupRequestSchema,
  groupSchema,
  releaseSchema,
  serverInfoSchema,
} from '@nodeos/contracts/operator-api.ts';
import * as z from 'zod';
import { abortSchema } from '../deployments.ts';
import { developmentOpenSchema } from '../development.ts';
import { deviceIdentifySchema, devicePinsSchema, deviceTagsSchema } from '../devices.ts';
import { logQuerySchema } from '../logs.ts';
import { replInputSchema, replOpenSchema } from '../repl.ts';
import type { RouteRules } from './rule.ts';

const list = <K extends string>(key: K, schema: z.ZodType) => z.object({ [key]: z.array(schema) });

/** Devices, releases and deployments of a fleet. */
export const FLEET_RULES: RouteRules = {
  'GET /api/v1/server': {
    scope: 'read',
    summary: 'What devices and tools must know of the server',
    answer: serverInfoSchema,
  },
  'GET /api/v1/events': { scope: 'read', summary: 'Changes of the fleet as they happen', answer: 'events' },

  'GET /api/v1/devices': {
    scope: 'read',
    summary: 'Devices of the fleet',
    query: devicePageRequestSchema,
    answer: list('devices', deviceSummarySchema).extend({ total: z.number().int() }),
  },
  'GET /api/v1/overview': { scope: 'read', summary: 'The fleet in numbers', answer: fleetOverviewSchema },
  'POST /api/v1/devices/actions': {
    scope: 'devices',
    summary: 'The same for many devices',
    body: deviceActionRequestSchema,
    answer: deviceActionAnswerSchema,
  },
  'GET /api/v1/devices/:id': { scope: 'read', summary: 'One device with its history', answer: deviceDetailSchema },
  'GET /api/v1/devices/:id/metrics': {
    scope: 'read',
    summary: 'How a device got on in the last 24 hours, oldest first',
    answer: metricsAnswerSchema,
  },
  'POST /api/v1/devices/:id/approve': { scope: 'devices', summary: 'Let a device in', answer: deviceSummarySchema },
  'POST /api/v1/devices/:id/revoke': {
    scope: 'devices',
    summary: 'Shut a device out and cut its connections',
    answer: deviceSummarySchema,
  },
  'PUT /api/v1/devices/:id/tags': {
    scope: 'devices',
    summary: 'Set the tags of a device',
    body: deviceTagsSchema,
    answer: deviceSummarySchema,
  },
  'PUT /api/v1/devices/:id/pins': {
    scope: 'deploy',
    summary: 'Pin releases on a device',
    body: devicePinsSchema,
    answer: deviceSummarySchema,
  },
  'POST /api/v1/devices/:id/reboot': { scope: 'devices', summary: 'Restart a device', status: 202 },
  'POST /api/v1/devices/:id/identify': {
    scope: 'devices',
    summary: 'Let a device show which one it is: its LED blinks',
    body: deviceIdentifySchema,
    status: 202,
  },
  'POST /api/v1/devices/:id/reformat-data': {
    scope: 'devices',
    summary: 'Let a device make its unreadable data partition anew',
    status: 202,
  },
  'GET /api/v1/devices/:id/logs': {
    scope: 'read',
    summary: 'Log lines of a device as they come',
    query: logQuerySchema,
    answer: 'events',
  },
  'GET /api/v1/devices/:id/screenshot': { scope: 'read', summary: 'What the screen of a device shows', answer: 'png' },
  'POST /api/v1/devices/:id/repl': {
    scope: 'console',
    summary: 'Open a console on a device',
    body: replOpenSchema,
    answer: z.object({ session: z.string() }),
  },
  'POST /api/v1/devices/:id/repl/:session': {
    scope: 'console',
    summary: 'Type into a console',
    body: replInputSchema,
    status: 204,
    audit: false,
  },
  'GET /api/v1/devices/:id/repl/:session': { scope: 'console', summary: 'What a console says', answer: 'events' },
  'POST /api/v1/devices/:id/development': {
    scope: 'develop',
    summary: 'Begin a development session, where the device allows it',
    body: developmentOpenSchema,
    answer: z.object({ session: z.string() }),
  },
  'POST /api/v1/devices/:id/development/:session': {
    scope: 'develop',
    summary: 'Send files of a development session',
    body: replInputSchema,
    status: 204,
    audit: false,
  },
  'GET /api/v1/devices/:id/development/:session': {
    scope: 'develop',
    summary: 'What the device says in a development session',
    answer: 'events',
  },

  'GET /api/v1/groups': { scope: 'read', summary: 'Groups of devices', answer: list('groups', groupSchema) },
  'GET /api/v1/groups/:name': { scope: 'read', summary: 'One group and its devices', answer: groupDetailSchema },
  'PUT /api/v1/groups/:name': {
    scope: 'deploy',
    summary: 'Make or change a group',
    body: groupRequestSchema,
    answer: groupSchema,
  },
  'DELETE /api/v1/groups/:name': { scope: 'deploy', summary: 'Remove a group', status: 204 },

  'GET /api/v1/releases': { scope: 'read', summary: 'Published releases', answer: list('releases', releaseSchema) },
  'GET /api/v1/tuf/:file': { scope: 'read', summary: 'Current TUF metadata', answer: 'metadata' },
  'PUT /api/v1/tuf/root': {
    scope: 'publish',
    summary: 'Upload the root metadata, or a valid rotation of it',
    body: 'metadata',
    status: 204,
  },
  'PUT /api/v1/tuf/targets': {
    scope: 'publish',
    summary: 'Publish signed targets',
    body: 'metadata',
    answer: z.object({ releases: z.number().int() }),
  },
  'PUT /api/v1/blobs/:sha256': {
    scope: 'publish',
    summary: 'Upload the octets of a release',
    body: 'octets',
    status: 201,
  },
  'HEAD /api/v1/blobs/:sha256': { scope: 'publish', summary: 'Whether the fleet has these octets' },

  'GET /api/v1/deployments': {
    scope: 'read',
    summary: 'Deployments, newest first',
    query: deploymentPageSchema,
    answer: list('deployments', deploymentSchema),
  },
  'GET /api/v1/deployments/:id': { scope: 'read', summary: 'One deployment', answer: deploymentSchema },
  'POST /api/v1/deployments': {
    scope: 'deploy',
    summary: 'Deploy a release',
    body: deploymentRequestSchema,
    answer: deploymentSchema,
  },
  'POST /api/v1/deployments/plan': {
    scope: 'read',
    summary: 'Who would get what and when; nothing changes',
    body: deploymentRequestSchema,
    answer: deploymentPlanSchema,
    audit: false,
  },
  'POST /api/v1/deployments/:id/abort': {
    scope: 'deploy',
    summary: 'End a deployment; with turnBack devices go back to what they ran',
    body: abortSchema,
    answer: deploymentSchema,
  },
  'POST /api/v1/deployments/:id/pause': { scope: 'deploy', summary: 'Halt a deployment', answer: deploymentSchema },
  'POST /api/v1/deployments/:id/resume': {
    scope: 'deploy',
    summary: 'Go on with a deployment',
    answer: deploymentSchema,
  },
  'POST /api/v1/deployments/:id/approve': {
    scope: 'deploy',
    summary: 'Let a deployment that waits for approval start',
    answer: deploymentSchema,
  },
};
