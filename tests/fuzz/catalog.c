/* libFuzzer: a packed Catalog of any bytes, as it comes in a feed. One that is loaded can be asked for
 * everything in it. */
#include "fuzz/fuzz.h"
#include "model/catalog_names.h"

static void ask(const struct catalog *catalog)
{
    const struct catalog_type *type;
    catalog_tag(catalog);
    catalog_time_zone(catalog);
    for (size_t i = 0; (type = catalog_type_at(catalog, i)); i++) {
        const Hopnhat__TypeDefinition *definition = type_definition(type);
        fuzz_assert(catalog_type(catalog, definition->number) == type);
        catalog_type_named(catalog, definition->name);
        type_title(type);
        for (size_t j = 0; j < definition->n_fields; j++) {
            size_t count;
            type_unit(type, definition->fields[j], &count);
            type_field_named(type, definition->fields[j]->name);
            fuzz_assert(type_field(type, definition->fields[j]->number) != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct catalog *catalog = catalog_load(bytes_of(data, size), &error);
    if (catalog)
        ask(catalog);
    catalog_free(catalog);
    return 0;
}
