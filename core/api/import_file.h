/* The file that a command imports, read in the command's own process: the daemon never opens it. Used by
 * core/api alone. */
#ifndef HOPNHAT_API_IMPORT_FILE_H
#define HOPNHAT_API_IMPORT_FILE_H

#include "api/cli.h"

struct import_file {
    const char *name; /* without its directory */
    char *text;       /* UTF-8 */
    size_t size, lines;
    const char *encoding;
    bool assumed;   /* the encoding, from the letters */
    size_t *starts; /* of JSON lines: where in the text each one begins; NULL: the text is as in the file */
    size_t start_count;
};

/* Reads the file ("-": stdin), in the encoding of that name (NULL: told from the text). JSON lines, as export
 * writes them, are made a list. To be ended with import_file_release, also after an error. ERROR_NOT_FOUND,
 * ERROR_INPUT (also: the file is empty), ERROR_LIMIT, ERROR_USAGE (no such encoding), ERROR_STORE,
 * ERROR_MEMORY. */
bool import_file_read(struct cli *cli, const char *type, const char *path, const char *encoding,
                      struct import_file *file, struct error *error);
void import_file_release(struct import_file *file);

/* Puts the lines of the file in the place of lines of the text, in an answer's rejected rows; of JSON lines
 * the answer does not tell a line of headings and a separator. */
void import_file_lines(const struct import_file *file, json_t *answer);

#endif
