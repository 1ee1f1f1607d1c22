import { boardNameSchema, semverSchema } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';

const rate = z.number().min(0).max(1);
const milliseconds = z.number().int().min(0).max(3_600_000);
/** From the one to the other, each device its own. */
const span = z.tuple([milliseconds, milliseconds]).refine(([from, to]) => from <= to, 'ends before it begins');
const release = z
  .string()
  .regex(/^([a-z][a-z0-9-]{0,31})@\S+$/, 'is not a release such as hello@2.0.0 or system@2.0.0');

/** `--profile FILE`: what the simulated devices are, and what goes wrong with them. All of it is optional. */
export const profileSchema = z.strictObject({
  /** Share of each board; a system release goes to devices of its board only. */
  boards: z.record(boardNameSchema, z.number().positive()).default({ 'x86_64-usb': 1 }),
  systemVersion: semverSchema.default('1.0.0'),
  timeZones: z.array(z.string().max(64)).min(1).default(['UTC']),
  memoryMiB: z.number().int().min(16).default(256),
  /** Devices that begin to connect in each second. */
  connectPerSecond: z.number().positive().default(100),
  pollSeconds: z.number().positive().default(300),
  reportSeconds: z.number().positive().default(300),
  /** How long an app takes to be put in place, and a machine to start. */
  installMs: span.default([200, 1000]),
  bootMs: span.default([1000, 3000]),
  /** How long gates must be open before a system is confirmed. */
  systemSoakMs: milliseconds.default(1000),
  faults: z
    .strictObject({
      /** Releases that do not run on this share of the devices: they go back by themselves. */
      bad: z.array(z.strictObject({ release, rate })).default([]),
      /** Installing anything fails on this share of the devices, as on a worn-out medium. */
      install: rate.default(0),
      /** This share takes so many times as long for everything. */
      slow: z.strictObject({ rate, times: z.number().min(1) }).default({ rate: 0, times: 10 }),
      /** This share loses its connection again and again, for so long and after so long. */
      offline: z
        .strictObject({ rate, forMs: span, everyMs: span })
        .default({ rate: 0, forMs: [5_000, 30_000], everyMs: [10_000, 60_000] }),
    })
    .prefault({}),
});
export type Profile = z.infer<typeof profileSchema>;
