import { createRequire } from 'node:module';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** The addon's calls (native/): each is one ioctl of linux/gpio.h. Errors carry the errno's name as `code`. */
export interface GpioCalls {
  chipInfo(chip: number): { name: string; label: string; lines: number };
  lineInfo(chip: number, offset: number): { name: string; consumer: string; flags: bigint; debounceUs: number };
  /** @returns descriptor of the lines; @param attributes triples of attribute id, value, mask of lines */
  request(
    chip: number,
    offsets: Uint32Array,
    consumer: string,
    eventBuffer: number,
    flags: bigint,
    attributes: BigUint64Array,
  ): number;
  configure(lines: number, flags: bigint, attributes: BigUint64Array): void;
  read(lines: number, mask: bigint): bigint;
  write(lines: number, mask: bigint, values: bigint): void;
  watch(lines: number, onEdge: EdgeCallback): void;
  unwatch(lines: number): void;
  release(lines: number): void;
}
/** `timestampNs` is null where the chip is gone; then there is nothing else and no further call. */
export type EdgeCallback = (
  timestampNs: bigint | null,
  rising: boolean,
  offset: number,
  sequence: number,
  lineSequence: number,
) => void;

/** In a device's root, and where node-gyp puts it. */
const PLACES = ['/usr/lib/nodeos/gpio.node', '../build/Release/gpio.node'];

let loaded: GpioCalls | null = null;

/** Loads the addon once. @throws NodeosError GPIO_UNAVAILABLE */
export function gpioCalls(): GpioCalls {
  loaded ??= load();
  return loaded;
}

/** Puts another implementation of the calls in place; gives the way back. */
export function useCalls(calls: GpioCalls): () => void {
  const before = loaded;
  loaded = calls;
  return () => {
    loaded = before;
  };
}

function load(): GpioCalls {
  const require = createRequire(typeof __filename === 'string' ? __filename : import.meta.url);
  const reasons: string[] = [];
  for (const place of process.env.NODEOS_GPIO_ADDON ? [process.env.NODEOS_GPIO_ADDON] : PLACES) {
    try {
      return require(place) as GpioCalls;
    } catch (error) {
      reasons.push((error as Error).message.split('\n')[0] as string);
    }
  }
  throw new NodeosError('GPIO_UNAVAILABLE', `the addon for GPIO cannot be loaded: ${reasons.join('; ')}`);
}
