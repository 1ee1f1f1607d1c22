import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const PACKET_BYTES = 48;
/** Seconds from 1900 to 1970 (RFC 5905, figure 4). */
const EPOCH_OFFSET_SECONDS = 2_208_988_800;
const REQUEST_TIMEOUT_MS = 5_000;

/** A client's request (RFC 4330, section 5): version 4, mode 3, and 8 random bytes that the answer must carry back. */
export function sntpRequest(nonce: Buffer): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES);
  packet[0] = (4 << 3) | 3;
  nonce.copy(packet, 40);
  return packet;
}

/**
 * Server's time in milliseconds since 1970, in the middle of its own work on the request.
 * @returns null where the answer is not one to this request or the server does not know the time (RFC 4330, section 5)
 */
export function parseSntpAnswer(packet: Buffer, nonce: Buffer): number | null {
  if (packet.length < PACKET_BYTES || !packet.subarray(24, 32).equals(nonce)) return null;
  const first = packet[0] as number;
  const stratum = packet[1] as number;
  if ((first & 7) !== 4 || first >> 6 === 3 || stratum < 1 || stratum > 15) return null;
  const received = readTimestamp(packet, 32);
  const sent = readTimestamp(packet, 40);
  return sent === 0 || sent < received ? null : (received + sent) / 2;
}

function readTimestamp(packet: Buffer, at: number): number {
  const seconds = packet.readUInt32BE(at);
  if (seconds === 0) return 0;
  // The first bit is clear again from 2036 on (RFC 4330, section 3).
  const era = seconds < 0x8000_0000 ? 0x1_0000_0000 : 0;
  return (seconds + era - EPOCH_OFFSET_SECONDS) * 1000 + (packet.readUInt32BE(at + 4) / 0x1_0000_0000) * 1000;
}

/**
 * Asks one server for the time.
 * @param limitMs time for the answer, the look-up of the name included
 * @returns milliseconds since 1970 at the moment of the answer
 */
export function askTime(server: string, port = 123, limitMs = REQUEST_TIMEOUT_MS): Promise<number> {
  const nonce = randomBytes(8);
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    let ended = false;
    const end = (error: Error | null, time = 0) => {
      // A name whose look-up fails after the limit is an error of a socket that is closed already.
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      if (error) reject(error);
      else resolve(time);
    };
    const timer = setTimeout(() => end(new Error(`${server} did not answer`)), limitMs);
    const asked = performance.now();
    socket.on('error', (error) => end(error));
    socket.on('message', (packet) => {
      const time = parseSntpAnswer(packet, nonce);
      if (time !== null) end(null, time + (performance.now() - asked) / 2);
    });
    socket.send(sntpRequest(nonce), port, server);
  });
}
