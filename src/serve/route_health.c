/* route_health.c: is the loop alive, may clients come. */
#include "serve/route_list.h"
#include "serve/service.h"

static void say(vl_exchange *x, int status, const char *json)
{
    vl_buffer_append_text(x->out, json);
    vl_exchange_answer(x, status, "application/json");
}

void vl_route_live(vl_exchange *x)
{
    say(x, 200, "{\"live\":true}");
}

void vl_route_ready(vl_exchange *x)
{
    if (vl_server_ready(vl_service_of(x)->server)) say(x, 200, "{\"ready\":true}");
    else vl_exchange_error(x, 503, "Unhealthy", 0, "the server is starting or stopping");
}
