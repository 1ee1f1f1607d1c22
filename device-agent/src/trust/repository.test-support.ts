import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Readable } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ReleaseCustom } from '@nodeos/contracts/release.ts';
import { consistentTargetPath } from '@nodeos/contracts/release.ts';
import { Key, Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import type { RequestOptions, ServerAnswer, ServerHttp } from '../ports.ts';

export interface SigningKey {
  readonly key: Key;
  readonly privateKey: KeyObject;
}

export function makeKey(): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const hex = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url').toString('hex');
  const keyID = createHash('sha256').update(hex).digest('hex');
  return { key: new Key({ keyID, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: hex } }), privateKey };
}

type Signable = Root | Targets | Snapshot | Timestamp;

export function signed<T extends Signable>(content: T, ...keys: SigningKey[]): Buffer {
  const metadata = new Metadata(content as Root);
  for (const { key, privateKey } of keys)
    metadata.sign((bytes) => new Signature({ keyID: key.keyID, sig: sign(null, bytes, privateKey).toString('hex') }));
  return Buffer.from(JSON.stringify(metadata.toJSON()));
}

export interface Expiry {
  readonly root: string;
  readonly targets: string;
  readonly snapshot: string;
  readonly timestamp: string;
}
const FAR = '2099-01-01T00:00:00Z';

/** A real TUF repository in memory, with the keys to sign whatever a test wants. */
export class TestRepository {
  readonly files = new Map<string, Buffer>();
  /** Target bytes by consistent path. */
  readonly blobs = new Map<string, Buffer>();
  readonly keys = { root: makeKey(), targets: makeKey(), snapshot: makeKey(), timestamp: makeKey() };
  expires: Expiry = { root: FAR, targets: FAR, snapshot: FAR, timestamp: FAR };
  versions = { root: 1, targets: 0, snapshot: 0, timestamp: 0 };
  readonly #targets = new Map<string, TargetFile>();

  constructor() {
    this.publishRoot();
    this.publish();
  }

  get root(): Buffer {
    return this.files.get(`${this.versions.root}.root.json`) as Buffer;
  }

  publishRoot(...signers: SigningKey[]): void {
    const root = new Root({ version: this.versions.root, specVersion: '1.0.31', expires: this.expires.root });
    for (const [role, { key }] of Object.entries(this.keys)) root.addKey(key, role);
    const by = signers.length > 0 ? signers : [this.keys.root];
    this.files.set(`${this.versions.root}.root.json`, signed(root, ...by));
  }

  /** Signs the root anew with a new root key; both the old and the new one sign. */
  rotateRoot(): void {
    const old = this.keys.root;
    this.keys.root = makeKey();
    this.versions.root++;
    this.publishRoot(old, this.keys.root);
  }

  addTarget(path: string, bytes: Buffer, custom: ReleaseCustom): string {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#targets.set(
      path,
      new TargetFile({
        path,
        length: bytes.length,
        hashes: { sha256 },
        unrecognizedFields: { custom: JSON.parse(JSON.stringify(custom)) },
      }),
    );
    this.blobs.set(consistentTargetPath(path, sha256), bytes);
    this.publish();
    return sha256;
  }

  /** New targets, snapshot and timestamp. */
  publish(by: SigningKey = this.keys.targets): void {
    this.versions.targets++;
    const targets = new Targets({
      version: this.versions.targets,
      specVersion: '1.0.31',
      expires: this.expires.targets,
      targets: Object.fromEntries(this.#targets),
    });
    this.files.set(`${this.versions.targets}.targets.json`, signed(targets, by));
    this.publishSnapshot();
  }

  publishSnapshot(): void {
    this.versions.snapshot++;
    const snapshot = new Snapshot({
      version: this.versions.snapshot,
      specVersion: '1.0.31',
      expires: this.expires.snapshot,
      meta: { 'targets.json': new MetaFile({ version: this.versions.targets }) },
    });
    this.files.set(`${this.versions.snapshot}.snapshot.json`, signed(snapshot, this.keys.snapshot));
    this.publishTimestamp();
  }

  publishTimestamp(): void {
    this.versions.timestamp++;
    const timestamp = new Timestamp({
      version: this.versions.timestamp,
      specVersion: '1.0.31',
      expires: this.expires.timestamp,
      snapshotMeta: new MetaFile({ version: this.versions.snapshot }),
    });
    this.files.set('timestamp.json', signed(timestamp, this.keys.timestamp));
  }
}

/** Answers like the device API: metadata, and targets with Range. */
export class TestHttp implements ServerHttp {
  readonly repository: TestRepository;
  readonly requests: string[] = [];
  /** Set to answer some paths otherwise; null lets the repository answer. */
  intercept: (path: string, headers: Readonly<Record<string, string>>) => ServerAnswer | null = () => null;
  offline = false;
  pieceBytes = 16_384;

  constructor(repository: TestRepository) {
    this.repository = repository;
  }

  async request(_method: 'GET' | 'POST', path: string, options: RequestOptions = {}): Promise<ServerAnswer> {
    if (this.offline || options.signal?.aborted) throw new NodeosError('FETCH_FAILED', `${path}: no connection`);
    const headers = options.headers ?? {};
    this.requests.push(headers.range ? `${path} ${headers.range}` : path);
    const answer = this.intercept(path, headers) ?? this.#answer(path, headers);
    options.signal?.addEventListener('abort', () => answer.body.destroy(new Error('aborted')));
    return answer;
  }

  #answer(path: string, headers: Readonly<Record<string, string>>): ServerAnswer {
    const bytes = path.startsWith('/tuf/')
      ? this.repository.files.get(path.slice('/tuf/'.length))
      : this.repository.blobs.get(path.slice('/targets/'.length));
    if (!bytes) return answerWith(404, Buffer.from('not found'));
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (start >= bytes.length && start > 0) return answerWith(416, Buffer.alloc(0));
    if (start === 0) return answerWith(200, bytes, {}, this.pieceBytes);
    const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    return answerWith(206, bytes.subarray(start), range, this.pieceBytes);
  }
}

export function answerWith(
  status: number,
  bytes: Buffer,
  headers: Record<string, string> = {},
  pieceBytes = 16_384,
): ServerAnswer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return {
    status,
    headers: { 'content-length': String(bytes.length), ...headers },
    body: Readable.from(pieces, { objectMode: false }),
  };
}

/** A body without an end. */
export function endlessAnswer(status = 200): ServerAnswer {
  const piece = Buffer.alloc(65_536, 'x');
  return {
    status,
    headers: {},
    body: new Readable({
      read() {
        this.push(piece);
      },
    }),
  };
}

/** A body that begins and then says nothing more. */
export function silentAnswer(first: Buffer, status = 200, headers: Record<string, string> = {}): ServerAnswer {
  let sent = false;
  return {
    status,
    headers,
    body: new Readable({
      read() {
        if (!sent) this.push(first);
        sent = true;
      },
    }),
  };
}
