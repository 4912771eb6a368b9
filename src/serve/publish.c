/* publish.c: one post for each loop. */
#include "serve/publish.h"

#include "serve/service.h"

typedef struct hand_over {
    vl_post post;
    vl_loop *loop;
    vl_view *view;
    void (*told)(void *user);
    void *user;
} hand_over;

static void go_on(vl_post *post)
{
    hand_over *h = (hand_over *)(void *)post;
    vl_service_go_on(h->loop->routes, h->view);
    h->told(h->user);
    vl_free(h);
}

static vl_status prepare(hand_over **out, vl_loop *l, vl_model_set *set, valence_error *error)
{
    hand_over *h = *out = vl_alloc_zero(VL_MEM_REQUEST, sizeof *h);
    if (!h) return vl_fail_memory(error, sizeof *h, "a view of models");
    h->post.run = go_on;
    h->loop = l;
    return vl_view_open(&h->view, set, error);
}

static void drop(hand_over *h)
{
    if (h) vl_view_release(h->view);
    vl_free(h);
}

vl_status vl_publish(vl_loop *loops, int count, vl_model_set *set, void (*told)(void *user),
                     void *user, valence_error *error)
{
    hand_over **all = vl_alloc_zero(VL_MEM_REQUEST, (size_t)count * sizeof *all);
    if (!all) return vl_fail_memory(error, (size_t)count * sizeof *all, "views of models");
    vl_status status = VALENCE_OK;
    for (int i = 0; i < count && status == VALENCE_OK; i++)
        status = prepare(&all[i], &loops[i], set, error);
    for (int i = 0; i < count; i++) {
        if (status != VALENCE_OK) {
            drop(all[i]);
            continue;
        }
        all[i]->told = told;
        all[i]->user = user;
        vl_loop_post(&loops[i], &all[i]->post);
    }
    vl_free(all);
    return status;
}
