/* Files that are written anew under a name of which others may know. */
#ifndef HOPNHAT_BASE_NEW_FILE_H
#define HOPNHAT_BASE_NEW_FILE_H

#include <sys/types.h>

/* Makes an empty file of this process's own in the place of whatever had the path: a link that was laid there
 * is removed and not followed, and a file of somebody else's neither written nor inherited. Its descriptor,
 * for reading and writing, the caller's; -1 with errno, EEXIST where what is there cannot be removed. */
int new_file_open(const char *path, mode_t mode);

#endif
