#include "agent/ask.h"

#include "api/wall.h"

#include <stdlib.h>

static uint32_t send_history(void *context, const Hopnhat__History *history)
{
    struct ask *ask = context;
    return agent_session_history(ask->session, history, wall_now_ms());
}

void ask_start(struct ask *ask, struct agent_service *service, struct agent_session *session)
{
    *ask = (struct ask){.service = service, .session = session};
}

/* The request is handled; where it would be answered from the hub, it has been sent there, and is kept. */
static enum http_handled handle(void *user, struct http_request *request, struct http_response *response)
{
    struct ask *ask = user;
    struct agent_asking *asking = &ask->service->asking;
    size_t place = 0;
    while (place < ASK_KEPT && ask->kept[place].number)
        place++;
    *asking = (struct agent_asking){.send = place < ASK_KEPT ? send_history : NULL, .context = ask};
    enum http_handled handled = api_handle(&ask->service->api, request, wall_now_ms(), response);
    uint32_t number = asking->number;
    *asking = (struct agent_asking){0};
    if (!number)
        return handled;
    free(response->body);
    *response = (struct http_response){.status = 200};
    ask->kept[place].number = number;
    ask->kept[place].request = request;
    return HTTP_LATER;
}

struct http_handler ask_handler(struct ask *ask)
{
    return (struct http_handler){.handle = handle, .user = ask};
}

void ask_answered(struct ask *ask, uint32_t number, const Hopnhat__HistoryAnswer *answer, const char *why)
{
    struct http_response response = {.status = 200};
    size_t place = 0;
    while (place < ASK_KEPT && ask->kept[place].number != number)
        place++;
    if (place == ASK_KEPT)
        return;
    ask->kept[place].number = 0;
    ask->service->asking = (struct agent_asking){.heard = answer, .why = why};
    api_handle(&ask->service->api, ask->kept[place].request, wall_now_ms(), &response);
    ask->service->asking = (struct agent_asking){0};
    http_answer(ask->kept[place].request, &response);
}

void ask_forget(struct ask *ask)
{
    for (size_t i = 0; i < ASK_KEPT; i++)
        ask->kept[i].number = 0;
}
