/* route_admin.c: models loaded and unloaded by name while the server runs: POST /models/{name}/load
 * and /unload, and the same in the words of the v2 protocol's model repository extension. Only with
 * --admin; names are of files in --model-dir, never paths. The keeper does it, the answer waits for
 * that. */
#include <string.h>

#include "serve/ask.h"
#include "serve/model_keeper.h"
#include "serve/route_list.h"
#include "serve/routes.h"

typedef struct order {
    vl_keeper_task task; /* first */
    vl_post post;
    vl_loop *loop;
    vl_exchange *x; /* NULL: the client has gone; the order is carried out all the same */
    bool v2;
} order;

/* ---- Answers --------------------------------------------------------------------------------- */

static void refuse(vl_exchange *x, bool v2, int status, const char *type, const char *message)
{
    vl_exchange_error(x, status, v2 ? NULL : type, 0, "%s", message);
}

static void refuse_order(vl_exchange *x, const order *o)
{
    const vl_keeper_task *t = &o->task;
    const char *message = t->error.message[0] ? t->error.message : valence_status_text(t->status);
    switch (t->status) {
    case VALENCE_NOT_FOUND:
        refuse(x, o->v2, 404, "NotFound", message);
        break;
    case VALENCE_LIMIT:
        refuse(x, o->v2, 409, "Conflict", message);
        break;
    case VALENCE_NO_MEMORY:
        refuse(x, o->v2, 503, "Backend", "out of memory");
        break;
    case VALENCE_CANCELLED:
        refuse(x, o->v2, 503, "Unhealthy", message);
        break;
    default:
        refuse(x, o->v2, o->v2 ? 400 : 422, "Validation", message);
        break;
    }
}

/* {"model":"x","version":"2","state":"ready"}; Triton's answer is empty. */
static void confirm(vl_exchange *x, const order *o)
{
    if (!o->v2)
        vl_buffer_printf(x->out, "{\"model\":\"%s\",\"version\":\"%llu\",\"state\":\"%s\"}",
                         o->task.name, (unsigned long long)o->task.version,
                         o->task.unload ? "unloaded" : "ready");
    vl_exchange_answer(x, 200, o->v2 ? NULL : "application/json");
}

static void carried_out(vl_post *post)
{
    order *o = (order *)(void *)((char *)post - offsetof(order, post));
    if (o->x && o->task.status == VALENCE_OK) confirm(o->x, o);
    else if (o->x) refuse_order(o->x, o);
    vl_free(o);
}

/* On the keeper's thread. */
static void done(vl_keeper_task *t)
{
    order *o = (order *)(void *)t;
    vl_loop_post(o->loop, &o->post);
}

static void gone(vl_exchange *x)
{
    ((order *)x->user)->x = NULL;
}

/* ---- Orders ---------------------------------------------------------------------------------- */

static bool admit(vl_exchange *x, bool v2)
{
    if (vl_server_admin(vl_service_of(x)->server)) return true;
    refuse(x, v2, 403, "Unauthorized",
           "models are loaded and unloaded only where the server was started with --admin");
    return false;
}

static void give(vl_exchange *x, vl_span name, bool unload, bool v2)
{
    if (!admit(x, v2)) return;
    if (!vl_keeper_is_name(name)) {
        refuse(x, v2, 404, "NotFound",
               "that is no model's name: letters, digits, '-', '_' and '.'");
        return;
    }
    order *o = vl_alloc_zero(VL_MEM_REQUEST, sizeof *o);
    if (!o) {
        refuse(x, v2, 503, "Backend", "out of memory");
        return;
    }
    *o = (order){.task = {.unload = unload, .done = done},
                 .post.run = carried_out,
                 .loop = x->loop,
                 .x = x,
                 .v2 = v2};
    memcpy(o->task.name, name.ptr, name.len);
    x->user = o;
    vl_exchange_defer(x, gone);
    vl_keeper_do(vl_server_keeper(vl_service_of(x)->server), &o->task);
}

void vl_route_load(vl_exchange *x)
{
    give(x, vl_path_segment(x->request.path, 1), false, false);
}

void vl_route_unload(vl_exchange *x)
{
    give(x, vl_path_segment(x->request.path, 1), true, false);
}

void vl_route_v2_load(vl_exchange *x)
{
    give(x, vl_path_segment(x->request.path, 3), false, true);
}

void vl_route_v2_unload(vl_exchange *x)
{
    give(x, vl_path_segment(x->request.path, 3), true, true);
}

/* ---- The repository's index ------------------------------------------------------------------ */

typedef struct listing {
    vl_buffer *out;
    const vl_model_set *set;
    int count;
} listing;

static void list_model(listing *l, const char *name, uint64_t version, const char *state,
                       const char *reason)
{
    vl_buffer_append_text(l->out, l->count++ ? ",{\"name\":" : "{\"name\":");
    vl_json_write_string(l->out, vl_span_of(name));
    if (version) vl_buffer_printf(l->out, ",\"version\":\"%llu\"", (unsigned long long)version);
    vl_buffer_printf(l->out, ",\"state\":\"%s\",\"reason\":\"%s\"}", state, reason);
}

static void list_file(void *user, const char *name)
{
    listing *l = user;
    if (vl_model_set_find(l->set, vl_span_of(name)) < 0)
        list_model(l, name, 0, "UNAVAILABLE", "not loaded");
}

/* {"ready":true}: only those that are served. A body is not needed. */
static vl_status read_ready(vl_ask *a, bool *ready, valence_error *error)
{
    vl_json root, value;
    if (a->x->request.body.len == 0) return VALENCE_OK;
    VL_TRY(vl_ask_body(a, &root, error));
    if (!vl_json_get(root, "ready", &value) || vl_json_boolean(value, ready)) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "\"ready\" must be true or false");
}

void vl_route_v2_index(vl_exchange *x)
{
    valence_error error = {0};
    bool ready = false;
    vl_ask *a = vl_ask_begin(x, NULL);
    if (!a) return;
    a->v2 = true;
    listing l = {.out = x->out, .set = a->view->set};
    vl_status status = read_ready(a, &ready, &error);
    const vl_server *server = a->service->server;
    vl_buffer_append_byte(x->out, '[');
    for (int i = 0; i < l.set->count; i++)
        list_model(&l, l.set->models[i]->name, l.set->models[i]->version, "READY", "");
    if (!ready && vl_server_admin(server))
        vl_keeper_each_file(vl_server_keeper(server), list_file, &l);
    vl_buffer_append_byte(x->out, ']');
    if (status == VALENCE_OK && x->out->failed) status = VALENCE_NO_MEMORY;
    vl_ask_send(a, status, &error);
}
