/* The session's way up: Hello, Push, Ack, refusals, cuts, and logs that part from the hub's. */
#include "unit/agent/fixture.h"

static void assert_signed(struct fixture *fixture, const Hopnhat__Push *push, uint64_t replica)
{
    uint8_t text[13 + 16 + LINK_BYTES], link[LINK_BYTES];
    struct change change;
    struct error error = {0};
    chain_start(replica, link);
    for (size_t i = 0; i < push->n_changes; i++) {
        const struct bytes stored = bytes_of(push->changes[i].data, push->changes[i].len);
        assert_true(
            change_unpack(&change, (struct dot){replica, push->first + i}, stored, &fixture->arena, &error));
        assert_true(chain_next(link, change.logged, link, &error));
    }
    memcpy(text, "hopnhat log 1", 13);
    put_u64_le(text + 13, replica);
    put_u64_le(text + 21, push->first + push->n_changes - 1);
    memcpy(text + 29, link, LINK_BYTES);
    assert_true(keys_verify(fixture->join.signing_keys.public_key, bytes_of(text, sizeof text),
                            bytes_of(push->signature.data, push->signature.len)));
}

static void pushes_and_is_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    const struct dot dot = write_text(fixture, 1, NAME, "Lao", true);
    const uint64_t none[] = {0};
    write_text(fixture, 1, NOTE, "hello", false);
    assert_silent(fixture);
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_int_equal(hello->hello->n_logs, 1);
    assert_int_equal(hello->hello->logs[0]->head, 2);
    assert_int_equal(hello->hello->epoch, EPOCH);
    assert_false(status_of(fixture).hub_online);
    welcome(fixture, hello, none, NULL, EPOCH);
    assert_true(status_of(fixture).hub_online);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->first, 1);
    assert_int_equal(push->push->n_changes, 2);
    assert_false(push->push->more);
    assert_signed(fixture, push->push, dot.replica);
    const Hopnhat__Message *pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    assert_false(pull->pull->has_applied);
    acknowledge(fixture, push, 2, NULL);
    assert_int_equal(status_of(fixture).pending, 0);
    assert_int_equal(status_of(fixture).drafts, 1);
    assert_false(status_of(fixture).caught_up);
    assert_silent(fixture);
    write_text(fixture, 1, NAME, "Laos", false); /* goes out at once */
    push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->first, 3);
}

static void a_refusal_falls_back(void **state)
{
    struct fixture *fixture = *state;
    const struct dot dot = write_text(fixture, 1, NAME, "Lao", true);
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Refusal refusal = HOPNHAT__REFUSAL__INIT;
    static char text[] = "not so";
    refusal.replica = dot.replica;
    refusal.seq = 1;
    refusal.text = text;
    acknowledge(fixture, push, 1, &refusal);
    assert_null(shown(fixture, 1));
    assert_int_equal(status_of(fixture).refused, 1);
    assert_int_equal(status_of(fixture).drafts, 0);
    assert_int_equal(status_of(fixture).pending, 0);
    agent_session_link_down(fixture->session, fixture->wall_ms);
    /* an Ack may leave refusals out; only Welcome and Feed tell all in order */
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_int_equal(hello->hello->logs[0]->refusal_heard, 0);
}

/* What superseded an entry of a refused change supersedes what that change did. */
static void a_refusal_in_the_middle_expands(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    const struct dot first = write_text(fixture, 1, NAME, "one", true);
    struct entry_id seen = {first, 0};
    struct dot second, third;
    assert_true(try_write(fixture, 1, NAME, "two", false, (struct entry_list){&seen, 1}, &second, &error));
    seen.dot = second;
    assert_true(try_write(fixture, 1, NAME, "three", false, (struct entry_list){&seen, 1}, &third, &error));
    assert_int_equal(shown_count(fixture, 1, NAME), 1);
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    Hopnhat__Refusal refusal = HOPNHAT__REFUSAL__INIT;
    refusal.replica = first.replica;
    refusal.seq = second.seq;
    acknowledge(fixture, push, 3, &refusal);
    assert_int_equal(shown_count(fixture, 1, NAME), 1);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "three");
}

static void a_lost_ack_is_found_in_the_welcome(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, NAME, "Lao", true);
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    agent_session_link_down(fixture->session, fixture->wall_ms);
    open_session(fixture, 1);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    assert_silent(fixture);
    assert_int_equal(status_of(fixture).pending, 0);
    acknowledge(fixture, push, 1, NULL); /* late, from the former session: nothing happens */
    assert_silent(fixture);
}

static void busy_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, NAME, "Lao", true);
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Busy busy = HOPNHAT__BUSY__INIT;
    busy.retry_ms = 1000;
    answer(fixture, push, HOPNHAT__MESSAGE__BODY_BUSY, &busy);
    assert_silent(fixture);
    const int64_t wait_ms = agent_session_wait_ms(fixture->session, fixture->wall_ms);
    assert_in_range(wait_ms, 1000, 2000);
    fixture->wall_ms += (uint64_t)wait_ms;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH)->push->first, 1);
}

static void says_hello_again_when_told(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, NAME, "Lao", true);
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Error refused = HOPNHAT__ERROR__INIT;
    refused.code = HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO;
    answer(fixture, push, HOPNHAT__MESSAGE__BODY_ERROR, &refused);
    assert_silent(fixture); /* not more than a few times a second */
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
}

static void a_revoked_agent_stops(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *hello = say_hello(fixture);
    Hopnhat__Error refused = HOPNHAT__ERROR__INIT;
    static char text[] = "this installation may not sync";
    refused.code = HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED;
    refused.text = text;
    answer(fixture, hello, HOPNHAT__MESSAGE__BODY_ERROR, &refused);
    assert_string_equal(agent_session_state(fixture->session), "stopped");
    assert_non_null(strstr(status_of(fixture).trouble, "may not sync"));
    fixture->wall_ms += 60 * 1000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_silent(fixture);
    fixture->wall_ms += 20 * 60 * 1000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
}

static void a_silent_hub_costs_the_link(void **state)
{
    struct fixture *fixture = *state;
    say_hello(fixture);
    fixture->wall_ms += 179 * 1000; /* nothing is known of the link: it may be a very thin one */
    agent_session_tick(fixture->session, fixture->wall_ms);
    fixture->wall_ms -= 3600 * 1000; /* the wall clock is set back: no time has passed */
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_int_equal(fixture->dropped, 0);
    fixture->wall_ms += 1000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_int_equal(fixture->dropped, 1);
    assert_string_equal(agent_session_state(fixture->session), "down");
}

static void a_change_that_waits_for_its_catalog_is_not_sent_again_at_once(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, NAME, "Lao", true);
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Ack ack = HOPNHAT__ACK__INIT;
    ack.has_watermark = true;
    ack.has_waiting_catalog = true;
    ack.waiting_catalog = 5;
    answer(fixture, push, HOPNHAT__MESSAGE__BODY_ACK, &ack);
    assert_silent(fixture);
    assert_int_equal(status_of(fixture).pending, 1);
    fixture->wall_ms += 10 * 1000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
}

static void a_new_log_passes_former_ones(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    const struct dot old = write_text(fixture, 1, NAME, "Lao", true);
    assert_true(agent_restored(fixture->agent, NULL, &error));
    const struct dot fresh = write_text(fixture, 2, NAME, "Laos", true);
    write_text(fixture, 1, NOTE, "rests on the former log", false);
    write_text(fixture, 3, NAME, "Cambodia", true);
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_int_equal(hello->hello->n_logs, 2);
    assert_true(hello->hello->logs[0]->replica == fresh.replica);
    assert_true(hello->hello->logs[1]->replica == old.replica);
    welcome(fixture, hello, (const uint64_t[]){0, 0}, NULL, EPOCH);
    const Hopnhat__Message *first = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(first->push->log, 0);
    assert_int_equal(first->push->n_changes, 1);
    assert_true(first->push->more);
    const Hopnhat__Message *former = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(former->push->log, 1);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    acknowledge(fixture, first, 1, NULL);
    assert_silent(fixture);
    acknowledge(fixture, former, 1, NULL);
    const Hopnhat__Message *rest = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(rest->push->log, 0);
    assert_int_equal(rest->push->first, 2);
    assert_int_equal(rest->push->n_changes, 2);
}

static void on_a_metered_link_only_what_is_urgent_goes(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    write_text(fixture, 1, NAME, "Lao", true);
    fixture->agent->limits.metered = true;
    open_session(fixture, 0);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PULL)->pull->scope,
                     HOPNHAT__PULL_SCOPE__PULL_MARKED);
    assert_silent(fixture);
    write_text(fixture, 2, NAME, "Laos", true);
    assert_silent(fixture);
    assert_true(agent_mark_urgent(fixture->agent, &error));
    write_text(fixture, 3, NAME, "not marked", true);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->n_changes, 2);
    acknowledge(fixture, push, 2, NULL);
    assert_silent(fixture);
    assert_int_equal(status_of(fixture).pending, 1);
    fixture->agent->limits.metered = false;
    agent_session_tick(fixture->session, ++fixture->wall_ms);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH)->push->first, 3);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PULL)->pull->scope, HOPNHAT__PULL_SCOPE__PULL_ALL);
}

/* Outside the hours what was imported waits, but for what an edit rests on. */
static void outside_the_hours_a_list_waits(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction;
    struct error error = {0};
    write_text(fixture, 1, NAME, "of a list", true);
    write_text(fixture, 2, NAME, "of a list", true);
    assert_true(agent_begin(fixture->agent, &transaction, &error) && agent_pass(fixture->agent) &&
                agent_commit(fixture->agent, &transaction, &error));
    write_text(fixture, 3, NAME, "by hand", true);
    fixture->agent->limits.bulk_waits = true;
    const Hopnhat__Message *hello = say_hello(fixture);
    welcome(fixture, hello, (const uint64_t[]){0, 0}, NULL, EPOCH);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->log, 0);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PULL)->pull->scope,
                     HOPNHAT__PULL_SCOPE__PULL_NO_BULK);
    acknowledge(fixture, push, 1, NULL);
    assert_silent(fixture);
    write_text(fixture, 1, NOTE, "rests on the list", false);
    push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->log, 1);
    assert_int_equal(push->push->n_changes, 1);
    acknowledge(fixture, push, 1, NULL);
    push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->log, 0);
    assert_int_equal(push->push->first, 2);
    acknowledge(fixture, push, 2, NULL);
    assert_silent(fixture);
}

/* A token that was handed out before is of the same store. */
static void a_log_that_goes_on_is_no_other_store(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction;
    struct error error = {0};
    const struct dot old = write_text(fixture, 1, NAME, "Lao", true);
    const struct shown shown = agent_shown_now(fixture->agent);
    assert_true(agent_begin(fixture->agent, &transaction, &error) && agent_pass(fixture->agent) &&
                agent_commit(fixture->agent, &transaction, &error) && agent_reload(fixture->agent, &error));
    assert_false(agent_present_log(fixture->agent)->replica == old.replica);
    assert_true(agent_shown_now(fixture->agent).replica == shown.replica);
    assert_true(agent_restored(fixture->agent, NULL, &error));
    assert_false(agent_shown_now(fixture->agent).replica == shown.replica);
}

/* Answers a Compare: the chains are one up to `common`, and the hub knows all up to `watermark`. */
static void compare(struct fixture *fixture, const uint8_t (*links)[LINK_BYTES], uint64_t common,
                    uint64_t watermark)
{
    static uint8_t other[LINK_BYTES] = {7};
    const Hopnhat__Message *message = sent(fixture, HOPNHAT__MESSAGE__BODY_COMPARE);
    Hopnhat__Compared compared = HOPNHAT__COMPARED__INIT;
    ProtobufCBinaryData list[LIMIT_CHAIN_QUERIES] = {0};
    compared.replica = message->compare->replica;
    compared.n_links = message->compare->n_seqs;
    compared.links = list;
    for (size_t i = 0; i < compared.n_links; i++) {
        uint64_t seq = message->compare->seqs[i];
        if (seq <= common)
            list[i] = (ProtobufCBinaryData){LINK_BYTES, (uint8_t *)(uintptr_t)links[seq]};
        else if (seq <= watermark)
            list[i] = (ProtobufCBinaryData){LINK_BYTES, other};
    }
    answer(fixture, message, HOPNHAT__MESSAGE__BODY_COMPARED, &compared);
}

/* Writes another name for partner 1 in place of `seen`; returns the entry. */
static struct entry_id rename_partner(struct fixture *fixture, struct entry_id seen, const char *name)
{
    struct error error = {0};
    struct dot dot;
    if (!try_write(fixture, 1, NAME, name, false, (struct entry_list){&seen, 1}, &dot, &error))
        fail_msg("%s", error.text);
    agent_session_tick(fixture->session, fixture->wall_ms);
    return (struct entry_id){dot, 0};
}

static void a_forked_log_is_authored_again(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    uint8_t links[5][LINK_BYTES] = {{0}};
    static const uint8_t forked[1][LINK_BYTES] = {{7}};
    const struct dot first = write_text(fixture, 1, NAME, "one", true);
    memcpy(links[1], fixture->agent->logs[0].link, LINK_BYTES);
    struct entry_id seen = {first, 0};
    struct dot second, third;
    assert_true(try_write(fixture, 1, NAME, "two", false, (struct entry_list){&seen, 1}, &second, &error));
    memcpy(links[2], fixture->agent->logs[0].link, LINK_BYTES);
    seen.dot = second;
    assert_true(try_write(fixture, 1, NAME, "three", false, (struct entry_list){&seen, 1}, &third, &error));
    write_text(fixture, 2, COUNT, "5", true);
    welcome(fixture, say_hello(fixture), (const uint64_t[]){3}, forked, EPOCH);
    compare(fixture, links, 1, 3);
    assert_silent(fixture);
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    const Hopnhat__Message *hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_int_equal(hello->hello->n_logs, 2);
    assert_true(hello->hello->logs[0]->replica != first.replica);
    assert_int_equal(hello->hello->logs[0]->head, 3);
    assert_true(hello->hello->logs[1]->replica == first.replica);
    assert_int_equal(hello->hello->logs[1]->head, 1);
    assert_int_equal(shown_count(fixture, 1, NAME), 1);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "three");
    assert_string_equal(shown_text(fixture, 2, COUNT, 0), "5");
    const uint8_t now[2][LINK_BYTES] = {{0}, {7}};
    welcome(fixture, hello, (const uint64_t[]){0, 3}, now, EPOCH);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->log, 0);
    assert_int_equal(push->push->n_changes, 3);
    assert_signed(fixture, push->push, hello->hello->logs[0]->replica);
    struct change change; /* "three" supersedes "two" under its new name */
    const struct bytes stored = bytes_of(push->push->changes[1].data, push->push->changes[1].len);
    const struct dot dot = {hello->hello->logs[0]->replica, 2};
    assert_true(change_unpack(&change, dot, stored, &fixture->arena, &error));
    const struct entry_id id = op_superseded(&change, change.body->edits[0]->ops[0], 0);
    assert_true(id.dot.replica == dot.replica);
    assert_int_equal(id.dot.seq, 1);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    close_agent(fixture);
    open_agent(fixture);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "three");
}

/* What rests on a forked log in a younger one gets a new name with it, as far as the hub does not have it. */
static void what_rests_on_a_fork_is_authored_again_too(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    static const uint8_t links[2][LINK_BYTES] = {{0}, {7}};
    const struct entry_id seen = {write_text(fixture, 1, NAME, "one", true), 0};
    assert_true(agent_restored(fixture->agent, NULL, &error));
    const struct entry_id second = rename_partner(fixture, seen, "two");
    welcome(fixture, say_hello(fixture), (const uint64_t[]){0, 1}, links, EPOCH);
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    const Hopnhat__Message *hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_int_equal(hello->hello->logs[0]->head, 2);
    assert_true(hello->hello->logs[0]->replica != second.dot.replica);
    assert_int_equal(shown_count(fixture, 1, NAME), 1);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "two");
}

/* An image from before the last changes was put back, and nothing has been written since. */
static void an_image_put_back_takes_a_new_number(void **state)
{
    struct fixture *fixture = *state;
    uint8_t links[2][LINK_BYTES];
    const struct dot first = write_text(fixture, 1, NAME, "one", true);
    memcpy(links[1], fixture->agent->logs[0].link, LINK_BYTES);
    static const uint8_t later[1][LINK_BYTES] = {{7}};
    welcome(fixture, say_hello(fixture), (const uint64_t[]){3}, later, EPOCH);
    compare(fixture, links, 1, 3);
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    const Hopnhat__Message *hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_true(hello->hello->logs[0]->replica != first.replica);
    assert_int_equal(hello->hello->logs[0]->head, 0);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "one");
}

/* The same after the `restore` command: the former log is good, though the hub knows more of it. */
static void a_former_log_of_which_the_hub_has_more_is_good(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    uint8_t links[2][LINK_BYTES];
    write_text(fixture, 1, NAME, "one", true);
    memcpy(links[1], fixture->agent->logs[0].link, LINK_BYTES);
    assert_true(agent_restored(fixture->agent, NULL, &error));
    static const uint8_t later[2][LINK_BYTES] = {{0}, {7}};
    welcome(fixture, say_hello(fixture), (const uint64_t[]){0, 3}, later, EPOCH);
    compare(fixture, links, 1, 3);
    assert_string_equal(agent_session_state(fixture->session), "open");
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    assert_int_equal(status_of(fixture).pending, 0);
    assert_int_equal(fixture->agent->log_count, 2);
}

static void a_long_log_is_compared_in_few_rounds(void **state)
{
    struct fixture *fixture = *state;
    enum { CHANGES = 300, COMMON = 120 };
    static uint8_t links[CHANGES + 1][LINK_BYTES];
    static const uint8_t forked[1][LINK_BYTES] = {{7}};
    unsigned rounds = 0;
    for (uint64_t i = 1; i <= CHANGES; i++) {
        write_text(fixture, 1, NAME, "x", i == 1);
        memcpy(links[i], fixture->agent->logs[0].link, LINK_BYTES);
    }
    welcome(fixture, say_hello(fixture), (const uint64_t[]){CHANGES}, forked, EPOCH);
    while (fixture->first < fixture->last && rounds++ < 9)
        compare(fixture, links, COMMON, CHANGES);
    assert_in_range(rounds, 2, 4);
    assert_int_equal(fixture->agent->logs[0].head, COMMON);
    assert_int_equal(fixture->agent->logs[1].head, CHANGES - COMMON);
}

/* The pieces of a change are all under way, and the next change has been begun: an answer that tells how much
 * of the first is held is no reason to send it again. */
static void a_change_in_pieces_is_followed_by_another(void **state)
{
    struct fixture *fixture = *state;
    static char text[9001];
    const Hopnhat__Message *first;
    memset(text, 'x', sizeof text - 1);
    write_text(fixture, 1, NOTE, text, true);
    write_text(fixture, 2, NOTE, text, true);
    open_session(fixture, 0);
    first = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    for (int i = 1; i < 5; i++) /* the window's worth: two more of the first, two of the second */
        assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH)->push->first, i < 3 ? 1 : 2);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Ack ack = HOPNHAT__ACK__INIT;
    Hopnhat__PieceHeld held = HOPNHAT__PIECE_HELD__INIT;
    held.id = first->push->piece->id;
    held.size = (uint32_t)first->push->piece->data.len;
    ack.has_watermark = true;
    ack.held = &held;
    answer(fixture, first, HOPNHAT__MESSAGE__BODY_ACK, &ack);
    const Hopnhat__Message *next = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(next->push->first, 2);
    assert_true(next->push->piece->offset > 0);
}

/* An edit goes in its brief form and without its seed, to a hub that knows that; one that the hub could make
 * nothing of goes whole. */
static void an_edit_is_told_briefly(void **state)
{
    struct fixture *fixture = *state;
    struct entry_id seen = {write_text(fixture, 1, NAME, "one", true), 0};
    uint8_t links[1][LINK_BYTES];
    memcpy(links[0], fixture->agent->logs[0].link, LINK_BYTES);
    fixture->protocol = 2;
    open_session(fixture, 0);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->n_changes, 1);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    acknowledge(fixture, push, 1, NULL);
    seen = rename_partner(fixture, seen, "two");
    push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->n_changes, 0);
    assert_non_null(push->push->brief);
    assert_false(push->push->brief->has_seed);
    Hopnhat__Error refused = HOPNHAT__ERROR__INIT;
    refused.code = HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO;
    answer(fixture, push, HOPNHAT__MESSAGE__BODY_ERROR, &refused);
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    welcome(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO), (const uint64_t[]){1},
            (const uint8_t(*)[LINK_BYTES])links, EPOCH);
    push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_null(push->push->brief);
    assert_int_equal(push->push->n_changes, 1);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    acknowledge(fixture, push, 2, NULL);
    rename_partner(fixture, seen, "three");
    assert_non_null(sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH)->push->brief);
}

static void an_older_hub_gets_whole_changes(void **state)
{
    struct fixture *fixture = *state;
    struct entry_id seen = {write_text(fixture, 1, NAME, "one", true), 0};
    open_session(fixture, 1);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    rename_partner(fixture, seen, "two");
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_null(push->push->brief);
    assert_int_equal(push->push->n_changes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pushes_and_is_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_falls_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_in_the_middle_expands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_ack_is_found_in_the_welcome, setup, teardown),
        cmocka_unit_test_setup_teardown(busy_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(says_hello_again_when_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_revoked_agent_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_hub_costs_the_link, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_waits_for_its_catalog_is_not_sent_again_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_change_in_pieces_is_followed_by_another, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_log_passes_former_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(on_a_metered_link_only_what_is_urgent_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(outside_the_hours_a_list_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_goes_on_is_no_other_store, setup, teardown),
        cmocka_unit_test_setup_teardown(an_edit_is_told_briefly, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_hub_gets_whole_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forked_log_is_authored_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_rests_on_a_fork_is_authored_again_too, setup, teardown),
        cmocka_unit_test_setup_teardown(an_image_put_back_takes_a_new_number, setup, teardown),
        cmocka_unit_test_setup_teardown(a_former_log_of_which_the_hub_has_more_is_good, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_log_is_compared_in_few_rounds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
