import { createSocket, type Socket } from 'node:dgram';
import { BlockList } from 'node:net';
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';

/** RFC 6762, 3 and 11. */
const GROUP = '224.0.0.251';
export const MDNS_PORT = 5353;
const MULTICAST_TTL = 255;
/** More answers in one second are somebody's flood. */
const ANSWERS_PER_SECOND = 50;

/** IPv4 address of an interface, and the length of its network's prefix. */
export interface LinkAddress {
  readonly address: string;
  readonly prefix: number;
}
export interface Sender {
  readonly address: string;
  readonly port: number;
}
/** One network that a device is in. */
export interface Link {
  readonly address: LinkAddress;
  /** To all in the network, or to one. What cannot be sent is lost: others ask again. */
  send(packet: Packet, to?: Sender): void;
  /** Resolves when what was sent has left. */
  close(): Promise<void>;
}

/** Joins the group on one interface. What comes from elsewhere than its own network is not heard (RFC 6762, 11). */
export function openLink(
  address: LinkAddress,
  onPacket: (packet: DecodedPacket, sender: Sender) => void,
  onFault: (text: string) => void,
): Link {
  const network = new BlockList();
  network.addSubnet(address.address, address.prefix);
  // Others on this device may speak mDNS too.
  const socket: Socket = createSocket({ type: 'udp4', reuseAddr: true });
  let ready = false;
  let closing: (() => void) | null = null;
  let pending = 0;
  let second = 0;
  let sent = 0;

  socket.on('error', (error) => {
    ready = false;
    onFault(`mDNS on ${address.address}: ${error.message}`);
  });
  socket.on('message', (octets, sender) => {
    if (!network.check(sender.address)) return;
    let packet: DecodedPacket;
    try {
      packet = decode(octets);
    } catch {
      return;
    }
    onPacket(packet, sender);
  });
  socket.bind(MDNS_PORT, () => {
    try {
      socket.addMembership(GROUP, address.address);
      socket.setMulticastInterface(address.address);
      socket.setMulticastTTL(MULTICAST_TTL);
      ready = true;
    } catch (error) {
      onFault(`mDNS on ${address.address}: ${(error as Error).message}`);
    }
  });
  socket.unref();

  return {
    address,
    send(packet, to = { address: GROUP, port: MDNS_PORT }) {
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) [second, sent] = [now, 0];
      if (!ready || ++sent > ANSWERS_PER_SECOND) return;
      pending++;
      socket.send(encode(packet), to.port, to.address, () => {
        if (--pending === 0) closing?.();
      });
    },
    async close() {
      if (pending > 0)
        await new Promise<void>((resolve) => {
          closing = resolve;
        });
      ready = false;
      socket.close();
    },
  };
}
