import { Worker } from 'node:worker_threads';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Copies of chunks on their way to the other thread: more would only take memory. */
const UNDER_WAY_MAX = 4;

/**
 * The other thread's program, as text: the command is also published as one compiled file, beside which there is no
 * other to be loaded. It answers each chunk, and the end with the digest.
 */
const PROGRAM = `
  const { parentPort } = require('node:worker_threads');
  const hash = require('node:crypto').createHash('sha256');
  const zeros = Buffer.alloc(1048576);
  parentPort.on('message', ({ chunk, zeroBytes, last }) => {
    if (chunk) {
      hash.update(chunk);
      parentPort.postMessage({});
    }
    for (let left = zeroBytes ?? 0; left > 0; left -= zeros.length) hash.update(zeros.subarray(0, Math.min(left, zeros.length)));
    if (last) parentPort.postMessage({ digest: hash.digest('hex') });
  });
`;

/**
 * The sha256 of an image in a thread of its own, which runs until close(). Zeros are sent as their count, so an image that is mostly empty is
 * written and read back while its hash is still being made.
 */
export class ImageHash {
  private readonly worker = new Worker(PROGRAM, { eval: true });
  private underWay = 0;
  private zeroBytes = 0;
  private ended = false;
  private wake = (): void => {};
  private failure: Error | null = null;
  private readonly result: Promise<string>;

  constructor() {
    this.result = new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        this.failure = new NodeosError('INTERNAL', 'the thread that hashes the image has ended', { cause });
        reject(this.failure);
        this.wake();
      };
      this.worker.on('message', ({ digest }: { digest?: string }) => {
        if (digest !== undefined) resolve(digest);
        else this.underWay--;
        this.wake();
      });
      this.worker.on('error', fail);
      this.worker.on('exit', fail);
    });
    // Whoever never asks for the digest must not be told of its failure.
    this.result.catch(() => {});
  }

  /** The next bytes; they are copied, and may change once this resolves. */
  async update(chunk: Buffer): Promise<void> {
    this.sendZeros();
    while (this.underWay >= UNDER_WAY_MAX && this.failure === null)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    if (this.failure !== null) throw this.failure;
    this.underWay++;
    const copy = Uint8Array.from(chunk);
    this.worker.postMessage({ chunk: copy }, [copy.buffer]);
  }

  /** The next bytes are so many zeros. */
  addZeros(bytes: number): void {
    this.zeroBytes += bytes;
  }

  /** All has been given; may be asked more than once. @throws NodeosError INTERNAL */
  digest(): Promise<string> {
    if (!this.ended) {
      this.sendZeros();
      this.worker.postMessage({ last: true });
    }
    this.ended = true;
    return this.result;
  }

  /** Ends the thread, whatever it is at. */
  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private sendZeros(): void {
    if (this.zeroBytes > 0) this.worker.postMessage({ zeroBytes: this.zeroBytes });
    this.zeroBytes = 0;
  }
}
