import { createHash } from 'node:crypto';

/** A blob of an OCI image layout, named by its hash. */
export interface OciBlob {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: number;
}

/** A layer, as it is packed and as it is unpacked. */
export interface OciLayer extends OciBlob {
  /** sha256 of the archive before compression, hex. */
  readonly diffId: string;
  /** One line for people. */
  readonly comment: string;
}

export interface OciImage {
  /** Name of the image in the layout, e.g. its version. */
  readonly tag: string;
  /** Names of OCI, which are Go's. */
  readonly platform: { readonly architecture: string; readonly variant?: string };
  /** Seconds since 1970. */
  readonly created: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly ports: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
  readonly layers: readonly OciLayer[];
}

export const LAYER_MEDIA_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
const INDEX_MEDIA_TYPE = 'application/vnd.oci.image.index.v1+json';
const MANIFEST_MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_MEDIA_TYPE = 'application/vnd.oci.image.config.v1+json';

/**
 * Files of an OCI image layout but the layers' own blobs (OCI image specification 1.1: layout, index, manifest, config).
 * @returns contents by path in the layout
 */
export function ociDocuments(image: OciImage): Record<string, Buffer> {
  const { layers, platform, tag } = image;
  const config = blob(CONFIG_MEDIA_TYPE, configuration(image));
  const manifest = blob(MANIFEST_MEDIA_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    config: descriptor(config.descriptor),
    layers: layers.map(descriptor),
  });
  const index = {
    schemaVersion: 2,
    mediaType: INDEX_MEDIA_TYPE,
    manifests: [
      {
        ...descriptor(manifest.descriptor),
        annotations: { 'org.opencontainers.image.ref.name': tag },
        platform: { os: 'linux', ...platform },
      },
    ],
  };
  return {
    'oci-layout': json({ imageLayoutVersion: '1.0.0' }),
    'index.json': json(index),
    [blobPath(config.descriptor)]: config.content,
    [blobPath(manifest.descriptor)]: manifest.content,
  };
}

/** Where a blob stands in the layout. */
export function blobPath({ digest }: Pick<OciBlob, 'digest'>): string {
  return `blobs/sha256/${digest}`;
}

/** What `docker build --platform` calls the processor of Debian's architecture. */
export function ociPlatform(debian: string): OciImage['platform'] {
  const platforms: Record<string, OciImage['platform']> = {
    armel: { architecture: 'arm', variant: 'v6' },
    armhf: { architecture: 'arm', variant: 'v7' },
    arm64: { architecture: 'arm64', variant: 'v8' },
    i386: { architecture: '386' },
  };
  return platforms[debian] ?? { architecture: debian };
}

function configuration(image: OciImage): object {
  const created = new Date(image.created * 1000).toISOString().replace('.000Z', 'Z');
  return {
    created,
    ...image.platform,
    os: 'linux',
    config: {
      Env: Object.entries(image.environment).map(([name, value]) => `${name}=${value}`),
      Cmd: image.command,
      WorkingDir: image.workingDirectory,
      ...(image.ports.length > 0 && {
        ExposedPorts: Object.fromEntries(image.ports.map((port) => [`${port}/tcp`, {}])),
      }),
      Labels: image.labels,
    },
    rootfs: { type: 'layers', diff_ids: image.layers.map(({ diffId }) => `sha256:${diffId}`) },
    history: image.layers.map(({ comment }) => ({ created, created_by: 'nodeos build', comment })),
  };
}

function descriptor({ mediaType, digest, bytes }: OciBlob): object {
  return { mediaType, digest: `sha256:${digest}`, size: bytes };
}

function blob(mediaType: string, value: object): { descriptor: OciBlob; content: Buffer } {
  const content = json(value);
  const digest = createHash('sha256').update(content).digest('hex');
  return { descriptor: { mediaType, digest, bytes: content.length }, content };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
