/* Planted defects, for the simulator to prove that it would find them. In an ordinary build DEFECT() is 0 and
 * the compiler takes the branch out; a build with -DHOPNHAT_DEFECTS=ON has them all, and one at a time is
 * planted by name. Each is a mistake that was, or could well have been, made. */
#ifndef HOPNHAT_BASE_DEFECT_H
#define HOPNHAT_BASE_DEFECT_H

#include <stdbool.h>

enum defect {
    DEFECT_NONE,
    DEFECT_DELTA_FROM_POSITION,  /* the feed sends the fields changed since position, not since base */
    DEFECT_ACK_BEFORE_COMMIT,    /* a Push is acknowledged when it has been merged, not when it is on disk */
    DEFECT_DOT_TWICE,            /* a restored agent goes on under its old number */
    DEFECT_ABSENT_SKIPPED,       /* an entry that was superseded before it came is not remembered */
    DEFECT_REFUSED_NOT_EXPANDED, /* superseding a refused entry does not supersede what that one did */
    DEFECT_LEFT_ALWAYS,          /* a record that left one group is dropped though it is in another by now */
    DEFECT_DIGEST_WITHOUT_FIELD, /* the digest leaves one field out */
    DEFECT_COUNTER_FORGETS,      /* a counter keeps the last increment instead of the total */
    DEFECT_GROUPS_OF_HELLO,      /* the feed goes by the groups that the office had when the session began */
    DEFECT_DRAFT_KEEPS_ALL,      /* own changes that the hub's state holds are applied over it again */
    DEFECT_REAUTHOR_OLD_NAMES,   /* changes authored again supersede entries under their old names */
    DEFECT_CUSTODY_FORGOTTEN,    /* what agents give back of headquarters' log is not admitted */
    DEFECT_TRIM_BY_ACK,          /* an agent trims its logs by what is acknowledged, not by what is safe */
    DEFECT_SEEN_IS_ALL,          /* an edit claims to have seen what came after the form was opened */
    DEFECT_TEXT_BASE_OF_ONE,     /* texts are merged over what only one of them superseded */
    DEFECT_TEXT_DROPS_A_PARAGRAPH, /* a merged text lacks one */
    DEFECT_JOURNAL_SKIPS_REFUSED,  /* the journal does not hear of what a refused change settled after all */
    DEFECT_PURGED_RETURNS,         /* an old change to a purged record is admitted */
    DEFECT_PURGE_TOO_EARLY,        /* a purge does not wait for those who have not read the deletion */
    DEFECT_ERASED_LEFT_IN_COPY,    /* an office's own log keeps what was erased */
    DEFECT_ERASED_COMES_LATE, /* what was written before its author was told of an erasure is stored as it
                                 comes */
    DEFECT_CLOCK_BELIEVED,    /* a change is admitted at the time that its author's clock told */
    DEFECT_RETIRED_READS_ON,  /* who was away too long goes on where it stood */
    DEFECT_PUT_KEEPS_OTHERS,  /* a value that is put over several leaves those that differ from it */
    DEFECT_SETTLED_BY_HEADQUARTERS, /* the journal puts down every settlement to headquarters */
    DEFECT_REPAIR_LEAVES_OUT,       /* a damaged record of headquarters is not merged again */
    DEFECT_REPAIR_TRUSTS_MIRROR,    /* an agent that was mended goes on where it stood */
    DEFECT_KEYS_BEFORE_HELLO,       /* an office's new keys count from their announcement on */
    DEFECT_DELETION_UNTOLD,         /* nobody is told of what he wrote and a deletion took along */
};

#ifdef HOPNHAT_DEFECTS
extern enum defect defect_planted;
#define DEFECT(name) (defect_planted == DEFECT_##name)
#else
#define DEFECT(name) 0
#endif

/* Plants the defect of that name ("delta-from-position"). False: there is none, or the build has none. */
bool defect_plant(const char *name);

#endif
