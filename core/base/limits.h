/* Every bound of the system. What passes one is refused with ERROR_LIMIT before anything is allocated or
 * changed for it, and the text names the bound. */
#ifndef HOPNHAT_BASE_LIMITS_H
#define HOPNHAT_BASE_LIMITS_H

enum {
    /* values and records */
    LIMIT_VALUE_BYTES = 64 * 1024,        /* one value of one field */
    LIMIT_CATALOG_BYTES = 1024 * 1024,    /* a catalog, as text and as stored */
    LIMIT_ENTRIES_PER_FIELD = 4096,       /* a bag: members of a set, posts of a thread, concurrent values */
    LIMIT_ABSENT_PER_FIELD = 4096,        /* ids superseded before they came */
    LIMIT_PENDING_PER_RECORD = 16384,     /* own changes of a record that headquarters does not have yet */
    LIMIT_RECORD_BYTES = 4 * 1024 * 1024, /* a stored record */
    LIMIT_FIELD_NUMBER = 1 << 20,
    LIMIT_TYPE_NUMBER = 1 << 16,
    LIMIT_GROUP_NAME_BYTES = 64,
    LIMIT_OFFICE_CODE_BYTES = 48,
    LIMIT_AUTHOR_BYTES = 64,
    LIMIT_NOTE_BYTES = 1000, /* why an edit was made, in its author's words */

    /* changes */
    LIMIT_CHANGE_BYTES = 2 * 1024 * 1024, /* a change as stored and sent */
    LIMIT_EDITS_PER_CHANGE = 1000,
    LIMIT_OPS_PER_CHANGE = 65536,
    /* the same once values were erased: each op then has a salt or a hash more */
    LIMIT_ERASED_CHANGE_BYTES = LIMIT_CHANGE_BYTES + 48 * LIMIT_OPS_PER_CHANGE,
    LIMIT_REPLICAS_PER_CHANGE = 4096,

    /* messages */
    LIMIT_FRAME_BYTES = 8 * 1024 * 1024,    /* on the wire, compressed or not */
    LIMIT_MESSAGE_BYTES = 16 * 1024 * 1024, /* decompressed */
    LIMIT_MESSAGE_ARENA_BYTES = 256 * 1024 * 1024,
    LIMIT_COMPRESS_ABOVE_BYTES = 96,       /* smaller messages go as they are */
    LIMIT_PUSH_CHANGES = 1000,             /* changes in one Push */
    LIMIT_PUSH_BYTES = 512 * 1024,         /* one Push closes at this size */
    LIMIT_FEED_BYTES = 512 * 1024,         /* the most a Pull may ask for in one part */
    LIMIT_PIECED_BYTES = 10 * 1024 * 1024, /* what may travel in pieces: a record, a bucket, a change */
    LIMIT_REFUSALS_PER_MESSAGE = 64,
    LIMIT_LOGS_PER_AGENT = 64, /* logs in one Hello; more are named in the next */
    LIMIT_GROUPS_PER_OFFICE = 64,
    LIMIT_RECONCILE_BUCKETS = 4096,
    LIMIT_BUCKET_BYTES = 8 * 1024 * 1024, /* of records in a bucket; past it the group is pulled instead */
    LIMIT_CHAIN_QUERIES = 64,
    LIMIT_BUNDLE_BYTES =
        16 * 1024 * 1024,         /* of messages in one file that is carried; more goes in the next */
    LIMIT_CUSTODY_PIECES = 65536, /* of headquarters' log that an agent keeps; no more are taken past it */

    /* the hub */
    LIMIT_SESSIONS = 20000,
    LIMIT_RETURN_QUEUE_MS = 100, /* of the hub's time booked ahead for agents that come back; then Busy */
    LIMIT_REPLICAS_PER_INSTALLATION = 16384, /* numbers that one pair of keys may use up, a restore each */
    LIMIT_GAPS_PER_LOG = 32,     /* runs of changes of a log that a restored hub has lost for good */
    LIMIT_OFFICE_REPLICAS = 256, /* of an office, the latest, that its record names */
    /* of the disk, for headquarters' own acts, and a twentieth of it at most: below it offices wait */
    LIMIT_DISK_RESERVE_BYTES = 256 * 1024 * 1024,
    LIMIT_TURN_BYTES = 16 * 1024 * 1024, /* changes in one transaction of the hub; past it the hub commits */
    LIMIT_FOLLOWER_LAG = 1000000,        /* revs a follower may be behind before admission answers Busy */
    LIMIT_OFFICES = 4096,
    LIMIT_FORMER_KEYS = 32,         /* pairs of keys that an installation may have had before */
    LIMIT_TEXTS_PER_TURN = 65536,   /* fields to merge by paragraphs after one transaction's changes */
    LIMIT_TEXT_VALUES = 16,         /* texts side by side in a field; past it a person settles them */
    LIMIT_TEXT_ANCESTORS = 1000,    /* entries looked through for the one that two texts came from */
    LIMIT_PURGED = 4 * 1024 * 1024, /* purged records whose ids are remembered; past it none is purged */

    /* HTTP, command line */
    LIMIT_HTTP_BODY_BYTES = 4 * 1024 * 1024,        /* over TCP */
    LIMIT_HTTP_LOCAL_BODY_BYTES = 64 * 1024 * 1024, /* over the Unix socket: a whole list is one request */
    LIMIT_IMPORT_BYTES = 24 * 1024 * 1024,          /* a list, as a file and as text */
    LIMIT_IMPORT_ROWS = 200000,
    LIMIT_IMPORT_EDITS = 50,               /* records in one change of an import */
    LIMIT_IMPORT_CHANGE_BYTES = 32 * 1024, /* values in one, unless one record has more */
    LIMIT_ACCOUNTS = 1000,
    LIMIT_LOGINS = 1000, /* under way at once; the one that was not used for longest ends */
    LIMIT_LOGINS_PER_ACCOUNT = 32,
    LIMIT_PAGE_RECORDS = 1000, /* records in one answer; more come by `after` */
};

#endif
