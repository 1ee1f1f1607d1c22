import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Accelerator } from './machine.ts';

/**
 * A boot sector that goes to 64-bit long mode, counts down from 2^27 and writes 0x10 to port 0xf4, where
 * `isa-debug-exit` turns it into exit code 0x21. Assembled from:
 *
 *     cli; xor %ax,%ax; mov %ax,%ds; mov %ax,%es; mov $0x1000,%di; mov $0x1800,%cx; cld; rep stosw
 *     movw $0x2003,0x1000; movw $0x3003,0x2000; movw $0x83,0x3000            (page tables, first 2 MiB)
 *     mov %cr4,%eax; or $0x20,%al; mov %eax,%cr4; mov $0x1000,%eax; mov %eax,%cr3
 *     mov $0xc0000080,%ecx; rdmsr; or $1,%ah; wrmsr; lgdt gdtr
 *     mov %cr0,%eax; or $0x80000001,%eax; mov %eax,%cr0; ljmp $8,$long
 *     long: mov $0x8000000,%ecx; 1: dec %ecx; jnz 1b; mov $0x10,%al; out %al,$0xf4; 2: hlt; jmp 2b
 */
const BOOT_SECTOR = Buffer.from(
  'fa31c08ed88ec0bf0010b90018fcf3abc70600100320c70600200330c706003083000f20e00c200f22e066b800100000' +
    '0f22d866b9800000c00f3280cc010f300f0116767c0f20c0660d010000800f22c0ea567c0800b900000008ffc975fcb0' +
    '10e6f4f4ebfd000000000000000000000000009a20000f00667c000000000000',
  'hex',
);
const SUCCESS_EXIT_CODE = 0x21;
/** TCG needs 0.8 s for it on a slow machine, working KVM 0.1 s. */
const PROBE_LIMIT_MS = 5_000;

const answerSchema = z.object({ key: z.string(), accelerator: z.enum(['kvm', 'tcg']), reason: z.string() });

/**
 * Decides between KVM and TCG by booting the sector above, once a machine; the answer is kept in the cache.
 * `/dev/kvm` may exist and open and still be unusable, so its presence says nothing.
 */
export async function chooseAccelerator(
  cacheRoot: string,
  program: string,
  signal?: AbortSignal,
): Promise<{ accelerator: Accelerator; reason: string }> {
  const key = createHash('sha256')
    .update([program, release(), cpus()[0]?.model ?? '', process.getuid?.() ?? ''].join('\0'))
    .digest('hex');
  const path = join(cacheRoot, `accelerator-${program}.json`);
  const known = answerSchema.safeParse(
    await readFile(path, 'utf8')
      .then(JSON.parse)
      .catch(() => null),
  );
  if (known.success && known.data.key === key) return known.data;
  const answer = await probe(program, signal);
  signal?.throwIfAborted();
  await mkdir(cacheRoot, { recursive: true });
  await writeFile(`${path}.${process.pid}`, JSON.stringify({ key, ...answer }));
  await rename(`${path}.${process.pid}`, path);
  return answer;
}

async function probe(program: string, signal?: AbortSignal): Promise<{ accelerator: Accelerator; reason: string }> {
  if (program !== 'qemu-system-x86_64' || process.arch !== 'x64')
    return { accelerator: 'tcg', reason: `this host is ${process.arch}` };
  const dir = await mkdtemp(join(tmpdir(), `nodeos-probe-${process.pid}-`));
  try {
    const disk = join(dir, 'sector.img');
    const image = Buffer.alloc(1_048_576);
    BOOT_SECTOR.copy(image);
    image.writeUInt16LE(0xaa55, 510);
    await writeFile(disk, image);
    const result = await bootOnce(program, 'kvm', disk, signal);
    return result === null
      ? { accelerator: 'kvm', reason: 'a 64-bit test program ran under KVM' }
      : { accelerator: 'tcg', reason: `KVM does not work here: ${result}` };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Boots the test disk; null where it ran to its end, else what happened instead. */
function bootOnce(
  program: string,
  accelerator: Accelerator,
  disk: string,
  signal?: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(
      program,
      [
        ...['-accel', accelerator, '-machine', 'q35', '-cpu', accelerator === 'kvm' ? 'host' : 'max', '-m', '32'],
        ...['-no-user-config', '-nodefaults', '-display', 'none', '-no-reboot'],
        ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
        ...['-drive', `file=${disk},format=raw,if=none,id=disk`, '-device', 'ide-hd,drive=disk,bootindex=1'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], signal, killSignal: 'SIGKILL' },
    );
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_LIMIT_MS);
    const done = (outcome: string | null): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    child.on('error', (error) => done(error.message));
    child.on('close', (code, killedBy) => {
      if (code === SUCCESS_EXIT_CODE) return done(null);
      done(
        killedBy
          ? `the test program did not end within ${PROBE_LIMIT_MS / 1000} s`
          : (stderr.trim().split('\n').at(-1) ?? `QEMU ended with code ${code}`),
      );
    });
  });
}
