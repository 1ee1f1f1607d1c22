
#include "init.h"

static bool is_hex(const char *text, size_t length) {
  return length > 0 && strspn(text, "0123456789abcdef") >= length;
}

/* `<root hash hex>,<data blocks>,<salt hex>` */
static int parse_verity(const char *value, size_t length, struct verity *verity) {
  char blocks[10] = "";
  int end = 0;
  sscanf(value, "%128[0-9a-f],%9[0-9],%512[0-9a-f]%n", verity->root_hash, blocks, verity->salt, &end);
  verity->blocks = strtoull(blocks, NULL, 10);
  return verity->blocks > 0 && (size_t)end == length ? 0 : -EINVAL;
}

static int parse_word(const char *word, size_t length, struct cmdline *words) {
  const char *equals = memchr(word, '=', length);
  if (equals == NULL || strncmp(word, "nodeos.", 7) != 0) return 0;
  size_t name_length = (size_t)(equals - word - 7);
  const char *name = word + 7, *value = equals + 1;
  size_t value_length = length - name_length - 8;
#define IS(text) (name_length == sizeof text - 1 && memcmp(name, text, name_length) == 0)
  if (IS("disk")) {
    if (value_length != 8 || !is_hex(value, 8)) return -EINVAL;
    memcpy(words->disk, value, 8);
  } else if (IS("slot")) {
    bool asks = value_length == 8 && memcmp(value, "firmware", 8) == 0;
    if (!asks && (value_length != 1 || (*value != 'a' && *value != 'b'))) return -EINVAL;
    words->slot = *value;
  } else if (IS("trial")) {
    if (value_length == 0 || value_length > 6 || strspn(value, "0123456789") < value_length) return -EINVAL;
    words->trial_s = atoi(value);
  } else if (IS("mode")) {
    words->barebones = value_length == 9 && memcmp(value, "barebones", 9) == 0;
    words->disc = value_length == 4 && memcmp(value, "disc", 4) == 0;
  } else if (IS("watchdog")) {
    if (value_length != 4 || memcmp(value, "none", 4) != 0) return -EINVAL;
    words->no_watchdog = true;
  } else if (IS("verity")) {
    return parse_verity(value, value_length, &words->verity);
  }
  return 0;
}

/* A later word replaces an earlier one. A bad value is an error: booting without the check that was asked for is not. */
int cmdline_parse(const char *text, struct cmdline *words) {
  for (;;) {
    text += strspn(text, " \n");
    size_t length = strcspn(text, " \n");
    if (length == 0) break;
    int result = parse_word(text, length, words);
    if (result < 0) return result;
    text += length;
  }
  return words->barebones || (words->disk[0] != '\0' && words->slot != '\0') ? 0 : -ENODATA;
}
