import { configurationsSchema } from '@nodeos/contracts/app-configuration.ts';
import { appConfigurationSchema, configurationChangeSchema } from '@nodeos/contracts/configuration-api.ts';
import * as z from 'zod';
import type { RouteRules } from './rule.ts';

/** What apps are configured with. */
export const CONFIGURATION_RULES: RouteRules = {
  'GET /api/v1/configurations': {
    scope: 'read',
    summary: 'What is set for apps, and where',
    answer: z.object({ configurations: z.array(appConfigurationSchema) }),
  },
  'POST /api/v1/configurations/:app': {
    scope: 'deploy',
    summary: 'Set or unset values of an app for the fleet, a group or a device',
    body: configurationChangeSchema,
    answer: appConfigurationSchema,
  },
  'GET /api/v1/devices/:id/configuration': {
    scope: 'read',
    summary: 'What the apps of a device are given',
    answer: z.object({ apps: configurationsSchema }),
  },
};
