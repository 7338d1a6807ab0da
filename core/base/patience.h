/* What a service that systemd has started says before it does something that takes long. */
#ifndef HOPNHAT_BASE_PATIENCE_H
#define HOPNHAT_BASE_PATIENCE_H

/* For an hour from now on neither start nor watchdog is to time out; to be said again after each part of what
 * may take longer. The service's next word that it is ready ends it. Where nobody wants to know, nothing
 * happens. */
void patience_ask(void);

#endif
