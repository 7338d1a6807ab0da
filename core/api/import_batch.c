#include "api/import.h"

enum { EDIT_OVERHEAD_BYTES = 64 };

static size_t edit_bytes(const struct new_edit *edit)
{
    size_t bytes = EDIT_OVERHEAD_BYTES;
    for (size_t i = 0; i < edit->op_count; i++)
        bytes += edit->ops[i].value.size;
    return bytes;
}

bool import_batch_flush(struct import *import, struct error *error)
{
    struct dot dot;
    if (import->batch_count == 0)
        return true;
    if (!import->bulk->change(import->context, import->batch, import->batch_count, import->author,
                              import->call->wall_ms, &dot, error))
        return error_prefix(error, "up to line %zu", import->reader.line);
    if (import->first.seq == 0)
        import->first = dot;
    import->last = dot;
    import->batch_count = import->batch_bytes = 0;
    arena_reset(&import->edits);
    return true;
}

bool import_batch_add(struct import *import, const struct new_edit *edit, const Hopnhat__Record *before,
                      struct error *error)
{
    if (import->dry_run) {
        arena_reset(&import->edits);
        return true;
    }
    if (!import_log_record(&import->log, import->type, edit, before, &import->edits, error))
        return false;
    import->batch[import->batch_count++] = *edit;
    import->batch_bytes += edit_bytes(edit);
    if (import->batch_count < LIMIT_IMPORT_EDITS && import->batch_bytes < LIMIT_IMPORT_CHANGE_BYTES &&
        import->edits.used_bytes < IMPORT_ARENA_FLUSH_BYTES)
        return true;
    return import_batch_flush(import, error);
}
