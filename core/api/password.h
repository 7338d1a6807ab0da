/* A password from the person at the command line. */
#ifndef HOPNHAT_API_PASSWORD_H
#define HOPNHAT_API_PASSWORD_H

#include "base/arena.h"

/* From a terminal: asked for twice, not shown. Else the first line of stdin. In the arena; NULL with
 * ERROR_INPUT where the two differ or there is none, ERROR_MEMORY. */
char *password_read(const char *prompt, struct arena *arena, struct error *error);

#endif
