/* What a reader was shown, as a text that a form or a script hands back: "REV.REPLICA", the replica in
 * hexadecimal. An edit that comes with it supersedes nothing that the reader had not seen. */
#ifndef HOPNHAT_API_TOKEN_H
#define HOPNHAT_API_TOKEN_H

#include "base/error.h"
#include "model/edit.h"

enum { TOKEN_TEXT_BYTES = 20 + 1 + 16 + 1 };

/* Writes the token with its NUL. */
void token_format(const struct shown *shown, char text[TOKEN_TEXT_BYTES]);

/* Reads it. ERROR_INPUT. */
bool token_parse(const char *text, struct shown *shown, struct error *error);

#endif
