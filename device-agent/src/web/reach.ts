import { networkInterfaces } from 'node:os';
import type { LinkAddress } from '../announce/link.ts';
import type { Responder } from '../announce/responder.ts';
import { createDoors, type DoorsOptions } from './doors.ts';

export type ReachOptions = Omit<DoorsOptions, 'deviceNames' | 'onChange'> & {
  /** Name of the device, without a domain. */
  readonly host: string;
};
/** How apps are reached from outside. */
export interface Reach {
  /** The apps or the addresses may be others now. */
  update(): void;
  close(): Promise<void>;
}

/** Opens ports for apps and tells the network of them. What no app asks for is neither opened, told nor loaded. */
export function openReach(options: ReachOptions): Reach {
  let announced = options.host;
  let responder: Responder | null = null;
  let isLoading = false;
  let closed = false;
  const doors = createDoors({
    ...options,
    deviceNames: () => [...new Set([announced, options.host])],
    onChange: announce,
  });

  /** Whoever has a port to be reached by wants the device to have a name. */
  const isWanted = () =>
    options.manifests().some((app) => (app.network === 'host' ? app.ports.length > 0 : app.web || app.forward));

  function announce(): void {
    if (closed) return;
    const { http } = doors.open();
    if (responder)
      responder.update(isWanted() ? linkAddresses() : [], {
        ...{ httpPort: http, ipv6: globalIpv6() },
        users: doors.users(),
      });
    else if (isWanted() && !isLoading) void load();
  }

  async function load(): Promise<void> {
    isLoading = true;
    const { createResponder } = await import('../announce/responder.ts');
    responder = createResponder({
      host: options.host,
      log: options.log,
      onName(name) {
        announced = name;
        options.log(`this device is ${name}.local`);
      },
    });
    announce();
  }

  return {
    update() {
      doors.update();
      announce();
    },
    async close() {
      closed = true;
      doors.close();
      await responder?.close();
    },
  };
}

function linkAddresses(): LinkAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return all
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address, cidr }) => ({ address, prefix: Number(cidr?.split('/')[1] ?? 32) }));
}

function globalIpv6(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return all
    .filter(({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}
