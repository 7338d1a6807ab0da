/* Single numbers and short byte strings under a name, in a database kept for them. */
#ifndef HOPNHAT_STORE_META_H
#define HOPNHAT_STORE_META_H

#include "store/environment.h"

/* The number under the name, or `absent` where there is none. */
uint64_t meta_number(struct transaction *transaction, unsigned database, const char *name, uint64_t absent);
void meta_put_number(struct transaction *transaction, unsigned database, const char *name, uint64_t number);

/* Copies the bytes under the name. False where there are none of exactly that size. */
bool meta_bytes(struct transaction *transaction, unsigned database, const char *name, void *data,
                size_t size);
void meta_put_bytes(struct transaction *transaction, unsigned database, const char *name, const void *data,
                    size_t size);

#endif
