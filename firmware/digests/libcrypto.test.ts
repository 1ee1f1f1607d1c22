import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTool } from '../run-tool.ts';

const source = fileURLToPath(new URL('libcrypto.c', import.meta.url));

/** dpkg itself is linked with libmd, so every Debian has it. */
const libmd = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .flatMap((triplet) => ['/usr/lib', '/lib'].map((folder) => join(folder, triplet, 'libmd.so.0')))
  .find(existsSync);

/** argv: hash, key length, pieces of data; prints digest (fed piecewise, twice) and HMAC of the last piece. */
const PROGRAM = `
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
const void *EVP_md5(void), *EVP_sha1(void), *EVP_sha256(void);
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *);
int EVP_DigestInit_ex2(void *, const void *, const void *), EVP_DigestUpdate(void *, const void *, size_t);
int EVP_DigestFinal_ex(void *, unsigned char *, unsigned *);
unsigned char *HMAC(const void *, const void *, int, const unsigned char *, size_t, unsigned char *, unsigned *);
static void show(const unsigned char *bytes, unsigned count) {
  while (count--) printf("%02x", *bytes++);
  puts("");
}
int main(int argc, char **argv) {
  const void *type = strcmp(argv[1], "md5") == 0 ? EVP_md5() : strcmp(argv[1], "sha1") == 0 ? EVP_sha1() : EVP_sha256();
  unsigned char digest[64], key[4096];
  unsigned bytes;
  int key_bytes = atoi(argv[2]);
  void *context = EVP_MD_CTX_new();
  if (EVP_DigestUpdate(context, "", 0) != 0) return 1;
  for (int round = 0; round < 2; round++) {
    if (!EVP_DigestInit_ex2(context, round ? NULL : type, NULL)) return 2;
    for (int i = 3; i < argc; i++) EVP_DigestUpdate(context, argv[i], strlen(argv[i]));
    EVP_DigestFinal_ex(context, digest, &bytes);
    show(digest, bytes);
  }
  EVP_MD_CTX_free(context);
  memset(key, 'k', sizeof key);
  if (HMAC(type, key, key_bytes, (unsigned char *)argv[argc - 1], strlen(argv[argc - 1]), digest, &bytes) == NULL) return 3;
  show(digest, bytes);
}
`;

describe('digests', { skip: libmd ? false : 'libmd0 is not installed' }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nodeos-digests-'));
    await writeFile(join(folder, 'main.c'), PROGRAM);
    const files = [join(folder, 'main.c'), source, libmd as string];
    await runTool('gcc', ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Werror', '-o', join(folder, 'main'), ...files]);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const hash of ['md5', 'sha1', 'sha256']) {
    for (const keyBytes of [0, 16, 64, 65, 1000]) {
      it(`${hash} in pieces and HMAC with a key of ${keyBytes} bytes are those of OpenSSL`, async () => {
        const pieces = ['', 'a', 'b'.repeat(63), 'c'.repeat(500)];
        const { stdout } = await runTool(join(folder, 'main'), [hash, String(keyBytes), ...pieces]);
        const digest = createHash(hash).update(pieces.join('')).digest('hex');
        const mac = createHmac(hash, 'k'.repeat(keyBytes))
          .update(pieces.at(-1) ?? '')
          .digest('hex');
        assert.deepEqual(stdout.toString().trim().split('\n'), [digest, digest, mac]);
      });
    }
  }
});
