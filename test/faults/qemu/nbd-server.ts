import { open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { WriteLog } from './write-log.ts';

// Network block device, doc/proto.md of the nbd project: fixed newstyle negotiation, simple replies.
const NBD_MAGIC = 'NBDMAGIC';
const OPTION_MAGIC = 'IHAVEOPT';
const REPLY_MAGIC = 0x3e889045565a9n;
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
const REPLY = { ack: 1, info: 3, unsupported: 0x80000001 } as const;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;
const FLAG_FUA = 1;
/** Has flags, flush, forced unit access, write zeroes. */
const TRANSMISSION_FLAGS = 1 | 4 | 8 | 64;
const EINVAL = 22;

/** Bytes of a connection, asked for by length. */
async function* pieces(socket: Socket): AsyncGenerator<Buffer, void, number> {
  let held = Buffer.alloc(0);
  let wanted = yield Buffer.alloc(0);
  for await (const piece of socket) {
    held = Buffer.concat([held, piece as Buffer]);
    while (held.length >= wanted) {
      const part = held.subarray(0, wanted);
      held = held.subarray(wanted);
      wanted = yield part;
    }
  }
}

export interface RecordingDisk {
  /** For QEMU's `file=`. */
  readonly url: string;
  readonly log: WriteLog;
  close(): Promise<void>;
}

/** A disk over a raw image for one machine; remembers every write and every flush. */
export async function serveDisk(image: string, socketPath: string): Promise<RecordingDisk> {
  const file = await open(image, 'r+');
  const { size } = await file.stat();
  const log: WriteLog = { writes: [], flushes: [] };
  const sockets = new Set<Socket>();

  async function answer(socket: Socket): Promise<void> {
    const reader = pieces(socket);
    await reader.next(0);
    const take = async (length: number): Promise<Buffer> => {
      if (length === 0) return Buffer.alloc(0);
      const { value, done } = await reader.next(length);
      if (done || !value) throw new Error('the machine is gone');
      return value;
    };
    if (await negotiate(socket, take, size)) await transmit(socket, take);
    socket.end();
  }

  async function transmit(socket: Socket, take: (length: number) => Promise<Buffer>): Promise<void> {
    for (;;) {
      const head = await take(28);
      if (head.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('no request');
      const [flags, command] = [head.readUInt16BE(4), head.readUInt16BE(6)];
      const [offset, length] = [Number(head.readBigUInt64BE(16)), head.readUInt32BE(24)];
      const durable = (flags & FLAG_FUA) !== 0;
      let data: Buffer | null = null;
      let error = 0;
      if (command === COMMAND.disconnect) return;
      if (command === COMMAND.read) {
        data = Buffer.alloc(length);
        await file.read(data, 0, length, offset);
      } else if (command === COMMAND.write) {
        const bytes = Buffer.from(await take(length));
        await file.write(bytes, 0, length, offset);
        log.writes.push({ offset, data: bytes, durable });
      } else if (command === COMMAND.writeZeroes) {
        await file.write(Buffer.alloc(length), 0, length, offset);
        log.writes.push({ offset, data: length, durable });
      } else if (command === COMMAND.flush) log.flushes.push(log.writes.length);
      else if (command !== COMMAND.trim) error = EINVAL;
      const reply = Buffer.alloc(16);
      reply.writeUInt32BE(SIMPLE_REPLY_MAGIC, 0);
      reply.writeUInt32BE(error, 4);
      head.copy(reply, 8, 8, 16);
      socket.write(data ? Buffer.concat([reply, data]) : reply);
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    answer(socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => resolve());
  });
  return {
    url: `nbd:unix:${socketPath}`,
    log,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await file.close();
    },
  };
}

/** @returns false where the machine only asked */
async function negotiate(socket: Socket, take: (length: number) => Promise<Buffer>, size: number): Promise<boolean> {
  // Fixed newstyle, no zeroes at the end.
  socket.write(Buffer.concat([Buffer.from(NBD_MAGIC + OPTION_MAGIC), Buffer.from([0, 3])]));
  await take(4);
  for (;;) {
    const head = await take(16);
    if (head.toString('latin1', 0, 8) !== OPTION_MAGIC) throw new Error('no option');
    const option = head.readUInt32BE(8);
    await take(head.readUInt32BE(12));
    const reply = (type: number, data = Buffer.alloc(0)): void => {
      const words = Buffer.alloc(20);
      words.writeBigUInt64BE(REPLY_MAGIC, 0);
      words.writeUInt32BE(option, 8);
      words.writeUInt32BE(type, 12);
      words.writeUInt32BE(data.length, 16);
      socket.write(Buffer.concat([words, data]));
    };
    const facts = Buffer.alloc(10);
    facts.writeBigUInt64BE(BigInt(size), 0);
    facts.writeUInt16BE(TRANSMISSION_FLAGS, 8);
    if (option === OPTION.exportName) {
      socket.write(facts);
      return true;
    }
    if (option === OPTION.go || option === OPTION.info) {
      reply(REPLY.info, Buffer.concat([Buffer.from([0, 0]), facts]));
      reply(REPLY.ack);
      if (option === OPTION.go) return true;
    } else if (option === OPTION.abort) {
      reply(REPLY.ack);
      return false;
    } else reply(REPLY.unsupported);
  }
}
