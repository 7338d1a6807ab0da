#include "base/defect.h"

#ifdef HOPNHAT_DEFECTS
#include <stddef.h>
#include <string.h>

enum defect defect_planted;

bool defect_plant(const char *name)
{
    static const char *const names[] = {
        [DEFECT_DELTA_FROM_POSITION] = "delta-from-position",
        [DEFECT_ACK_BEFORE_COMMIT] = "ack-before-commit",
        [DEFECT_DOT_TWICE] = "dot-twice",
        [DEFECT_ABSENT_SKIPPED] = "absent-skipped",
        [DEFECT_REFUSED_NOT_EXPANDED] = "refused-not-expanded",
        [DEFECT_LEFT_ALWAYS] = "left-always",
        [DEFECT_DIGEST_WITHOUT_FIELD] = "digest-without-field",
        [DEFECT_COUNTER_FORGETS] = "counter-forgets",
        [DEFECT_GROUPS_OF_HELLO] = "groups-of-hello",
        [DEFECT_DRAFT_KEEPS_ALL] = "draft-keeps-all",
        [DEFECT_REAUTHOR_OLD_NAMES] = "reauthor-old-names",
        [DEFECT_CUSTODY_FORGOTTEN] = "custody-forgotten",
        [DEFECT_TRIM_BY_ACK] = "trim-by-ack",
        [DEFECT_SEEN_IS_ALL] = "seen-is-all",
        [DEFECT_TEXT_BASE_OF_ONE] = "text-base-of-one",
        [DEFECT_TEXT_DROPS_A_PARAGRAPH] = "text-drops-a-paragraph",
        [DEFECT_JOURNAL_SKIPS_REFUSED] = "journal-skips-refused",
        [DEFECT_PURGED_RETURNS] = "purged-returns",
        [DEFECT_PURGE_TOO_EARLY] = "purge-too-early",
        [DEFECT_ERASED_LEFT_IN_COPY] = "erased-left-in-copy",
        [DEFECT_ERASED_COMES_LATE] = "erased-comes-late",
        [DEFECT_CLOCK_BELIEVED] = "clock-believed",
        [DEFECT_RETIRED_READS_ON] = "retired-reads-on",
        [DEFECT_PUT_KEEPS_OTHERS] = "put-keeps-others",
        [DEFECT_SETTLED_BY_HEADQUARTERS] = "settled-by-headquarters",
        [DEFECT_REPAIR_LEAVES_OUT] = "repair-leaves-out",
        [DEFECT_REPAIR_TRUSTS_MIRROR] = "repair-trusts-mirror",
        [DEFECT_KEYS_BEFORE_HELLO] = "keys-before-hello",
        [DEFECT_DELETION_UNTOLD] = "deletion-untold",
    };
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            defect_planted = (enum defect)i;
            return true;
        }
    return false;
}
#else
bool defect_plant(const char *name)
{
    (void)name;
    return false;
}
#endif
