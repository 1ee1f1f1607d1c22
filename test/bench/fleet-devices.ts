import { validate } from '@nodeos/contracts/validate.ts';
import { type Profile, profileSchema } from '@nodeos/device-agent/simulator/profile.ts';
import { type Simulation, startSimulation } from '@nodeos/device-agent/simulator/simulation.ts';
import type * as z from 'zod';
import { connectBare } from './fleet-bare.ts';

/** Devices of the fleet benchmark, in a process of their own; times are milliseconds since 1970. */
export type Order =
  | {
      readonly kind: 'simulate';
      readonly fleet: Parameters<typeof startSimulation>[0]['fleet'];
      readonly devices: number;
      readonly perSecond: number;
    }
  | { readonly kind: 'bare'; readonly port: number; readonly first: number; readonly devices: number }
  | { readonly kind: 'state' }
  | { readonly kind: 'results' }
  | { readonly kind: 'forget' };
export interface State {
  readonly online: number;
}
/** Since `forget`. */
export interface Results {
  /** When each device was told first. */
  readonly toldAt: readonly number[];
  /** How long each answer took. */
  readonly answersMs: readonly number[];
}

/** More than the devices of one part. */
const PART = 1_000_000;
const simulations: Simulation[] = [];
let online = (): number => simulations.reduce((sum, simulation) => sum + simulation.counts().online, 0);
let told = new Map<number, number>();
let answers: number[] = [];
const onTold = (index: number): void => {
  if (!told.has(index)) told.set(index, Date.now());
};

process.on('message', (order: Order) => {
  if (order.kind === 'simulate') {
    const wishes: z.input<typeof profileSchema> = { connectPerSecond: order.perSecond, installMs: [0, 0] };
    const part = simulations.length;
    const simulation = startSimulation({
      ...{ fleet: order.fleet, devices: order.devices, signal: new AbortController().signal },
      seed: `bench-${process.pid}-${part}`,
      onTold: (index) => onTold(part * PART + index),
      profile: validate(profileSchema as z.ZodType<Profile>, wishes, 'profile'),
      onAnswered: (milliseconds) => answers.push(milliseconds),
      onFault: (_index, error) => process.stderr.write(`${(error as Error).stack}\n`),
    });
    simulations.push(simulation);
  } else if (order.kind === 'bare') {
    online = connectBare(order.port, order.first, order.devices, onTold);
  } else if (order.kind === 'forget') {
    told = new Map();
    answers = [];
  } else if (order.kind === 'results') {
    process.send?.({ toldAt: [...told.values()], answersMs: answers } satisfies Results);
  } else {
    process.send?.({ online: online() } satisfies State);
  }
});
process.on('disconnect', () => process.exit());
