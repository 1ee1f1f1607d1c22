import { validate } from '@nodeos/contracts/validate.ts';
import { type Profile, profileSchema } from '@nodeos/device-agent/simulator/profile.ts';
import { type Simulation, startSimulation } from '@nodeos/device-agent/simulator/simulation.ts';
import type * as z from 'zod';
import { connectBare } from './fleet-bare.ts';
import { percentile } from './percentile.ts';

/** The devices of the fleet benchmark, in a process of their own; times are milliseconds since 1970. */
export type Order =
  | {
      readonly kind: 'simulate';
      readonly fleet: Parameters<typeof startSimulation>[0]['fleet'];
      readonly devices: number;
      readonly perSecond: number;
    }
  | { readonly kind: 'bare'; readonly port: number; readonly devices: number }
  | { readonly kind: 'state' }
  | { readonly kind: 'forget' };
export interface State {
  readonly online: number;
  /** When so many had been told since `forget`. */
  readonly toldAt: readonly number[];
  readonly p99Ms: number;
  readonly answers: number;
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
      ...{ fleet: order.fleet, devices: order.devices, seed: `bench${part}`, signal: new AbortController().signal },
      onTold: (index) => onTold(part * PART + index),
      profile: validate(profileSchema as z.ZodType<Profile>, wishes, 'profile'),
      onAnswered: (milliseconds) => answers.push(milliseconds),
      onFault: (_index, error) => process.stderr.write(`${(error as Error).stack}\n`),
    });
    simulations.push(simulation);
  } else if (order.kind === 'bare') {
    online = connectBare(order.port, order.devices, onTold);
  } else if (order.kind === 'forget') {
    told = new Map();
    answers = [];
  } else {
    const state: State = {
      ...{ online: online(), toldAt: [...told.values()].sort((a, b) => a - b) },
      ...{ p99Ms: percentile(answers, 99), answers: answers.length },
    };
    process.send?.(state);
  }
});
process.on('disconnect', () => process.exit());
