#include "api/password.h"

#include "store/account.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* A line without its end. False: there is none, or it is too long. */
static bool read_line(char line[PASSWORD_MOST_BYTES + 2])
{
    if (!fgets(line, PASSWORD_MOST_BYTES + 2, stdin))
        return false;
    size_t size = strcspn(line, "\r\n");
    bool whole = line[size] != '\0' || feof(stdin);
    line[size] = '\0';
    return whole && size > 0;
}

static bool ask(const char *prompt, char line[PASSWORD_MOST_BYTES + 2])
{
    struct termios shown, hidden;
    bool is_terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (!is_terminal)
        return read_line(line);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    bool read = read_line(line);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return read;
}

char *password_read(const char *prompt, struct arena *arena, struct error *error)
{
    char line[PASSWORD_MOST_BYTES + 2], again[PASSWORD_MOST_BYTES + 2];
    if (!ask(prompt, line)) {
        error_set(error, ERROR_INPUT, "no password was given (type it, or give it as a line on stdin)");
        return NULL;
    }
    if (isatty(STDIN_FILENO) && (!ask("once more", again) || strcmp(line, again) != 0)) {
        error_set(error, ERROR_INPUT, "the two passwords differ: nothing was changed");
        return NULL;
    }
    char *password = arena_string(arena, line, strlen(line));
    explicit_bzero(line, sizeof line);
    explicit_bzero(again, sizeof again);
    if (!password)
        out_of_memory(error);
    return password;
}
