#ifndef LOOP_H
#define LOOP_H

#include "sys.h"

/* Read-only loop device of an image file. Gives its fd; the device lasts as long as the fd or a mount of it. */
int loop_attach(const char *file, char device[NAME_SIZE]);

#endif
