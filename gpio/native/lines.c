#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gpio.h"

/* Lines that were requested and not released: closing their descriptor gives them back. */
struct requested {
  int fd;
  struct requested *next;
};

static bool arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values) {
  size_t count = wanted;
  return napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok && count == wanted;
}

static bool integer(napi_env env, napi_value value, int32_t *result) {
  return napi_get_value_int32(env, value, result) == napi_ok;
}

static bool bits(napi_env env, napi_value value, uint64_t *result) {
  bool lossless;
  return napi_get_value_bigint_uint64(env, value, result, &lossless) == napi_ok && lossless;
}

static void set_text(napi_env env, napi_value object, const char *name, const char *text, size_t most) {
  napi_value value;
  napi_create_string_utf8(env, text, strnlen(text, most), &value);
  napi_set_named_property(env, object, name, value);
}

static void set_number(napi_env env, napi_value object, const char *name, uint32_t number) {
  napi_value value;
  napi_create_uint32(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

/* chipInfo(chip) → { name, label, lines } */
napi_value chip_info(napi_env env, napi_callback_info info) {
  napi_value values[1], result;
  int32_t chip;
  struct gpiochip_info seen = {0};
  if (!arguments(env, info, 1, values) || !integer(env, values[0], &chip))
    return throw_type(env, "chipInfo wants a descriptor");
  if (ioctl(chip, GPIO_GET_CHIPINFO_IOCTL, &seen) < 0) return throw_errno(env, "GPIO_GET_CHIPINFO");
  napi_create_object(env, &result);
  set_text(env, result, "name", seen.name, sizeof seen.name);
  set_text(env, result, "label", seen.label, sizeof seen.label);
  set_number(env, result, "lines", seen.lines);
  return result;
}

/* lineInfo(chip, offset) → { name, consumer, flags, debounceUs } */
napi_value line_info(napi_env env, napi_callback_info info) {
  napi_value values[2], result, flags;
  int32_t chip, offset;
  struct gpio_v2_line_info seen = {0};
  if (!arguments(env, info, 2, values) || !integer(env, values[0], &chip) || !integer(env, values[1], &offset))
    return throw_type(env, "lineInfo wants a descriptor and an offset");
  seen.offset = (uint32_t)offset;
  if (ioctl(chip, GPIO_V2_GET_LINEINFO_IOCTL, &seen) < 0) return throw_errno(env, "GPIO_V2_GET_LINEINFO");
  uint32_t debounce = 0;
  for (uint32_t i = 0; i < seen.num_attrs && i < GPIO_V2_LINE_NUM_ATTRS_MAX; i++)
    if (seen.attrs[i].id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE) debounce = seen.attrs[i].debounce_period_us;
  napi_create_object(env, &result);
  set_text(env, result, "name", seen.name, sizeof seen.name);
  set_text(env, result, "consumer", seen.consumer, sizeof seen.consumer);
  napi_create_bigint_uint64(env, seen.flags, &flags);
  napi_set_named_property(env, result, "flags", flags);
  set_number(env, result, "debounceUs", debounce);
  return result;
}

/* The default flags, and triples of attribute id, its value and the mask of the lines that it is for. */
static bool config(napi_env env, napi_value flags, napi_value attributes, struct gpio_v2_line_config *result) {
  napi_typedarray_type type;
  size_t length;
  void *data;
  uint64_t all;
  if (!bits(env, flags, &all)) return false;
  if (napi_get_typedarray_info(env, attributes, &type, &length, &data, NULL, NULL) != napi_ok) return false;
  if (type != napi_biguint64_array || length % 3 != 0 || length / 3 > GPIO_V2_LINE_NUM_ATTRS_MAX) return false;
  const uint64_t *words = data;
  result->flags = all;
  result->num_attrs = (uint32_t)(length / 3);
  for (uint32_t i = 0; i < result->num_attrs; i++, words += 3) {
    struct gpio_v2_line_attribute *attribute = &result->attrs[i].attr;
    attribute->id = (uint32_t)words[0];
    if (attribute->id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE) attribute->debounce_period_us = (uint32_t)words[1];
    else attribute->values = words[1];
    result->attrs[i].mask = words[2];
  }
  return true;
}

/* request(chip, offsets, consumer, eventBufferSize, flags, attributes) → descriptor of the lines */
napi_value lines_request(napi_env env, napi_callback_info info) {
  napi_value values[6], result;
  napi_typedarray_type type;
  size_t count, length;
  void *offsets;
  int32_t chip, buffer;
  struct gpio_v2_line_request request = {0};
  if (!arguments(env, info, 6, values) || !integer(env, values[0], &chip) ||
      napi_get_typedarray_info(env, values[1], &type, &count, &offsets, NULL, NULL) != napi_ok ||
      type != napi_uint32_array || count < 1 || count > GPIO_V2_LINES_MAX ||
      napi_get_value_string_utf8(env, values[2], request.consumer, sizeof request.consumer, &length) != napi_ok ||
      !integer(env, values[3], &buffer) || !config(env, values[4], values[5], &request.config))
    return throw_type(env, "request wants a descriptor, 1 to 64 offsets, a name, a number, flags and attributes");
  memcpy(request.offsets, offsets, count * sizeof request.offsets[0]);
  request.num_lines = (uint32_t)count;
  request.event_buffer_size = (uint32_t)buffer;
  struct requested *kept = calloc(1, sizeof *kept);
  if (kept == NULL || ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request) < 0) {
    throw_errno(env, "GPIO_V2_GET_LINE");
    free(kept);
    return NULL;
  }
  fcntl(request.fd, F_SETFL, O_NONBLOCK); /* the thread that reads edges must never wait for one line's */
  struct state *state = state_of(env);
  *kept = (struct requested){.fd = request.fd, .next = state->requests};
  state->requests = kept;
  napi_create_int32(env, request.fd, &result);
  return result;
}

/* configure(lines, flags, attributes) */
napi_value lines_configure(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t lines;
  struct gpio_v2_line_config wanted = {0};
  if (!arguments(env, info, 3, values) || !integer(env, values[0], &lines) || !config(env, values[1], values[2], &wanted))
    return throw_type(env, "configure wants a descriptor, flags and attributes");
  if (ioctl(lines, GPIO_V2_LINE_SET_CONFIG_IOCTL, &wanted) < 0) return throw_errno(env, "GPIO_V2_LINE_SET_CONFIG");
  return NULL;
}

/* read(lines, mask) → values, a bit a line in the order of the request */
napi_value lines_read(napi_env env, napi_callback_info info) {
  napi_value values[2], result;
  int32_t lines;
  uint64_t mask;
  if (!arguments(env, info, 2, values) || !integer(env, values[0], &lines) || !bits(env, values[1], &mask))
    return throw_type(env, "read wants a descriptor and a mask");
  struct gpio_v2_line_values seen = {.mask = mask};
  if (ioctl(lines, GPIO_V2_LINE_GET_VALUES_IOCTL, &seen) < 0) return throw_errno(env, "GPIO_V2_LINE_GET_VALUES");
  napi_create_bigint_uint64(env, seen.bits, &result);
  return result;
}

/* write(lines, mask, values) */
napi_value lines_write(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t lines;
  uint64_t mask, wanted;
  if (!arguments(env, info, 3, values) || !integer(env, values[0], &lines) || !bits(env, values[1], &mask) ||
      !bits(env, values[2], &wanted))
    return throw_type(env, "write wants a descriptor, a mask and values");
  struct gpio_v2_line_values set = {.mask = mask, .bits = wanted};
  if (ioctl(lines, GPIO_V2_LINE_SET_VALUES_IOCTL, &set) < 0) return throw_errno(env, "GPIO_V2_LINE_SET_VALUES");
  return NULL;
}

static struct requested **find(struct state *state, int32_t lines) {
  struct requested **at = &state->requests;
  while (*at != NULL && (*at)->fd != lines) at = &(*at)->next;
  return at;
}

/* watch(lines, (timestampNs, rising, offset, sequence, lineSequence) => void); the callback gets null where the chip is gone */
napi_value lines_watch(napi_env env, napi_callback_info info) {
  napi_value values[2];
  napi_valuetype type;
  int32_t lines;
  if (!arguments(env, info, 2, values) || !integer(env, values[0], &lines) ||
      napi_typeof(env, values[1], &type) != napi_ok || type != napi_function)
    return throw_type(env, "watch wants a descriptor and a function");
  struct state *state = state_of(env);
  if (*find(state, lines) == NULL) return throw_type(env, "watch wants requested lines");
  edges_watch(env, state, lines, values[1]);
  return NULL;
}

/* unwatch(lines): no call comes any more */
napi_value lines_unwatch(napi_env env, napi_callback_info info) {
  napi_value values[1];
  int32_t lines;
  if (!arguments(env, info, 1, values) || !integer(env, values[0], &lines))
    return throw_type(env, "unwatch wants a descriptor");
  edges_unwatch(state_of(env), lines);
  return NULL;
}

/* release(lines): given back; a second time changes nothing */
napi_value lines_release(napi_env env, napi_callback_info info) {
  napi_value values[1];
  int32_t lines;
  if (!arguments(env, info, 1, values) || !integer(env, values[0], &lines))
    return throw_type(env, "release wants a descriptor");
  struct state *state = state_of(env);
  struct requested **at = find(state, lines), *kept = *at;
  if (kept == NULL) return NULL;
  edges_unwatch(state, lines);
  close(kept->fd);
  *at = kept->next;
  free(kept);
  return NULL;
}

void lines_end(struct state *state) {
  while (state->requests != NULL) {
    struct requested *kept = state->requests;
    state->requests = kept->next;
    close(kept->fd);
    free(kept);
  }
}
