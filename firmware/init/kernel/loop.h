#ifndef LOOP_H
#define LOOP_H

#include "sys.h"

/* Loop device of an image file: with O_RDONLY of a file system, with O_RDWR of a disk, with its partitions. Gives its fd;
 * the device lasts as long as the fd or a mount of it. */
int loop_attach(const char *file, int access, char device[NAME_SIZE]);

#endif
