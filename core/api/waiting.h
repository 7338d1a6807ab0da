/* For a person who waits at a terminal: a line on stderr that says what is done, and for how long already. */
#ifndef HOPNHAT_API_WAITING_H
#define HOPNHAT_API_WAITING_H

struct waiting;

/* Shows the text, and every second how long it has taken. NULL, and nothing is shown, where stderr is no
 * terminal (or there is no thread to be had). Ended by waiting_end. */
struct waiting *waiting_begin(const char *text);

/* Takes the line away. NULL is allowed. */
void waiting_end(struct waiting *waiting);

#endif
