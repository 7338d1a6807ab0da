#include "store/recovery_key.h"

#include "base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum { HEX_DIGITS = 2 * RECOVERY_KEY_BYTES, FILE_BYTES = 1024 };

static const char TITLE[] = "hopnhat recovery key 1";

_Static_assert(RECOVERY_KEY_BYTES == crypto_box_PUBLICKEYBYTES &&
                   RECOVERY_KEY_BYTES == crypto_box_SECRETKEYBYTES,
               "a recovery key is a pair of crypto_box");

static bool write_text(const char *path, const char *text, struct error *error)
{
    size_t size = strlen(text);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_set(error, ERROR_STORE, "cannot make %s: %s", path, strerror(errno));
    bool written = write(file, text, size) == (ssize_t)size && fsync(file) == 0;
    int code = errno;
    written = close(file) == 0 && written;
    return written || error_set(error, ERROR_STORE, "cannot write %s: %s", path, strerror(code));
}

bool recovery_key_make(const char *path, struct recovery_key *key, struct error *error)
{
    char public_text[HEX_DIGITS + 1], secret_text[HEX_DIGITS + 1], text[FILE_BYTES];
    crypto_box_keypair(key->public_key, key->secret_key);
    key->has_secret = true;
    hex_encode(bytes_of(key->public_key, RECOVERY_KEY_BYTES), public_text);
    hex_encode(bytes_of(key->secret_key, RECOVERY_KEY_BYTES), secret_text);
    snprintf(text, sizeof text, "%s\npublic %s\nsecret %s\n", TITLE, public_text, secret_text);
    bool written = write_text(path, text, error);
    sodium_memzero(text, sizeof text);
    sodium_memzero(secret_text, sizeof secret_text);
    return written;
}

/* Decodes what follows "WORD " at the start of a line of the text. */
static bool read_line(const char *text, const char *word, uint8_t key[RECOVERY_KEY_BYTES])
{
    const char *at = strstr(text, word);
    if (!at)
        return false;
    at += strlen(word);
    return strspn(at, "0123456789abcdefABCDEF") == HEX_DIGITS && hex_decode(at, HEX_DIGITS, key);
}

bool recovery_key_read(const char *path, struct recovery_key *key, struct error *error)
{
    char text[FILE_BYTES] = "";
    uint8_t expected[RECOVERY_KEY_BYTES];
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INPUT, "%s: %s", path,
                         strerror(errno));
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    *key = (struct recovery_key){0};
    bool sound = strncmp(text, TITLE, strlen(TITLE)) == 0 && read_line(text, "\npublic ", key->public_key);
    key->has_secret = sound && read_line(text, "\nsecret ", key->secret_key);
    sodium_memzero(text, sizeof text);
    if (key->has_secret)
        sound = crypto_scalarmult_base(expected, key->secret_key) == 0 &&
                memcmp(expected, key->public_key, RECOVERY_KEY_BYTES) == 0;
    return sound || error_set(error, ERROR_INPUT, "%s is no recovery key", path);
}

void recovery_key_wipe(struct recovery_key *key)
{
    sodium_memzero(key, sizeof *key);
}
