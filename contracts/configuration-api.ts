import * as z from 'zod';
import { CONFIGURATION_LIMITS, configurationKeySchema, configurationValuesSchema } from './app-configuration.ts';
import { groupNameSchema } from './rollout.ts';

export const configurationPlaceSchema = z.union([
  z.strictObject({ fleet: z.literal(true) }),
  z.strictObject({ group: groupNameSchema }),
  z.strictObject({ device: z.string().max(64) }),
]);
export type ConfigurationPlace = z.infer<typeof configurationPlaceSchema>;

export const configurationChangeSchema = z.strictObject({
  to: configurationPlaceSchema,
  set: configurationValuesSchema.optional(),
  unset: z.array(configurationKeySchema).max(CONFIGURATION_LIMITS.keysMax).optional(),
});
export type ConfigurationChange = z.infer<typeof configurationChangeSchema>;

/** What is set for one app at one place. */
export const appConfigurationSchema = z.object({
  app: z.string(),
  to: configurationPlaceSchema,
  values: configurationValuesSchema,
  changedAt: z.number().int(),
});
export type AppConfiguration = z.infer<typeof appConfigurationSchema>;
