/* libFuzzer: a catalog in YAML. What passes the check is a catalog that loads. */
#include "model/catalog_yaml.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalog_errors errors;
    struct arena arena;
    struct error error;
    struct bytes packed;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (catalog_from_yaml(bytes_of(data, size), "test.yaml", &arena, &packed, &errors)) {
        struct catalog *catalog = catalog_load(packed, &error);
        fuzz_assert(catalog != NULL);
        catalog_free(catalog);
    }
    arena_release(&arena);
    return 0;
}
