/*
 * The ten functions of OpenSSL's libcrypto that Debian's dhcpcd is linked with, over libmd: OpenSSL itself would be
 * 7 MB in the root, and 0.3 s of loading at each boot, for three hashes. Semantics: EVP_DigestInit(3), HMAC(3).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 64 /* of all three hashes: RFC 1321, FIPS 180-4 */
#define DIGEST_MAX_BYTES 32

/* libmd keeps less than this for each of its hashes (md5.h, sha1.h, sha2.h: at most 208 bytes). */
union state {
  uint8_t bytes[512];
  uint64_t alignment;
};

/* libmd */
void MD5Init(void *);
void MD5Update(void *, const uint8_t *, size_t);
void MD5Final(uint8_t *, void *);
void SHA1Init(void *);
void SHA1Update(void *, const uint8_t *, size_t);
void SHA1Final(uint8_t *, void *);
void SHA256Init(void *);
void SHA256Update(void *, const uint8_t *, size_t);
void SHA256Final(uint8_t *, void *);

struct evp_md_st {
  unsigned bytes;
  void (*init)(void *);
  void (*update)(void *, const uint8_t *, size_t);
  void (*final)(uint8_t *, void *);
};
typedef struct evp_md_st EVP_MD;

typedef struct {
  const EVP_MD *type;
  union state state;
} EVP_MD_CTX;

#define PUBLIC __attribute__((visibility("default")))

PUBLIC const EVP_MD *EVP_md5(void) {
  static const EVP_MD md5 = {16, MD5Init, MD5Update, MD5Final};
  return &md5;
}

PUBLIC const EVP_MD *EVP_sha1(void) {
  static const EVP_MD sha1 = {20, SHA1Init, SHA1Update, SHA1Final};
  return &sha1;
}

PUBLIC const EVP_MD *EVP_sha256(void) {
  static const EVP_MD sha256 = {32, SHA256Init, SHA256Update, SHA256Final};
  return &sha256;
}

PUBLIC int OPENSSL_init_crypto(uint64_t options, const void *settings) {
  (void)options;
  (void)settings;
  return 1;
}

PUBLIC EVP_MD_CTX *EVP_MD_CTX_new(void) { return calloc(1, sizeof(EVP_MD_CTX)); }

PUBLIC void EVP_MD_CTX_free(EVP_MD_CTX *context) {
  if (context == NULL) return;
  explicit_bzero(context, sizeof *context);
  free(context);
}

/* A null type starts the context's own hash again. */
PUBLIC int EVP_DigestInit_ex2(EVP_MD_CTX *context, const EVP_MD *type, const void *parameters) {
  (void)parameters;
  if (type != NULL) context->type = type;
  if (context->type == NULL) return 0;
  context->type->init(&context->state);
  return 1;
}

PUBLIC int EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t bytes) {
  if (context->type == NULL) return 0;
  context->type->update(&context->state, data, bytes);
  return 1;
}

PUBLIC int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *bytes) {
  if (context->type == NULL) return 0;
  context->type->final(digest, &context->state);
  if (bytes != NULL) *bytes = context->type->bytes;
  return 1;
}

static void hash(const EVP_MD *type, const uint8_t *pad, const uint8_t *data, size_t bytes, uint8_t *digest) {
  union state state;
  type->init(&state);
  if (pad != NULL) type->update(&state, pad, BLOCK_BYTES);
  type->update(&state, data, bytes);
  type->final(digest, &state);
  explicit_bzero(&state, sizeof state);
}

/* RFC 2104. A null digest would ask for a static buffer, which dhcpcd never does. */
PUBLIC unsigned char *HMAC(const EVP_MD *type, const void *key, int key_bytes, const unsigned char *data,
                           size_t bytes, unsigned char *digest, unsigned *digest_bytes) {
  uint8_t inner[BLOCK_BYTES] = {0}, outer[BLOCK_BYTES], middle[DIGEST_MAX_BYTES];
  if (type == NULL || digest == NULL || key_bytes < 0 || (key == NULL && key_bytes > 0)) return NULL;
  if (key_bytes > BLOCK_BYTES) hash(type, NULL, key, (size_t)key_bytes, inner);
  else if (key_bytes > 0) memcpy(inner, key, (size_t)key_bytes);
  for (size_t i = 0; i < BLOCK_BYTES; i++) {
    outer[i] = inner[i] ^ 0x5c;
    inner[i] ^= 0x36;
  }
  hash(type, inner, data, bytes, middle);
  hash(type, outer, middle, type->bytes, digest);
  if (digest_bytes != NULL) *digest_bytes = type->bytes;
  explicit_bzero(inner, sizeof inner);
  explicit_bzero(outer, sizeof outer);
  explicit_bzero(middle, sizeof middle);
  return digest;
}
