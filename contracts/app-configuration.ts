import * as z from 'zod';
import { appNameSchema } from './validate.ts';

/**
 * What operators set for an app; given to it by @nodeos/app. Set for the fleet, a group or a device; of the same key the
 * device's value goes before the groups' (the last by name first), and theirs before the fleet's.
 */
export const CONFIGURATION_LIMITS = {
  /** As JSON, of one app: all that is set for the fleet and its groups, with one device's. */
  maxBytes: 49_152,
  /** Of one app, at one place. */
  keysMax: 256,
} as const;

export const configurationKeySchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'is not a key: a letter, then letters, digits and _ . -, at most 64');
/** Whatever JSON can say. */
export const configurationValuesSchema = z.record(configurationKeySchema, z.unknown());
export type ConfigurationValues = z.infer<typeof configurationValuesSchema>;

/** By app; part of the desired state. */
export const configurationsSchema = z.record(appNameSchema, configurationValuesSchema);
export type Configurations = z.infer<typeof configurationsSchema>;

/** A device asks for `configurations` by this header: an older one would refuse a field that it does not know. */
export const CONFIGURATIONS_HEADER = 'nodeos-configurations';
