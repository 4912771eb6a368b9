/* loop.c: what is to be done later: posts of other threads, and of this one. */
#include "serve/loop.h"

#include "base/clock.h"

/* ---- Lists of this thread ---------------------------------------------------------------------
 */

static void put(vl_post **list, vl_post *p)
{
    p->next = *list;
    *list = p;
}

static void take(vl_post **list, const vl_post *p)
{
    while (*list && *list != p) list = &(*list)->next;
    if (*list) *list = p->next;
}

/* Those that wait; each may have itself, or others, run again in the next round, or forgotten. */
static void run_list(vl_loop *l, vl_post **list)
{
    l->due = *list;
    *list = NULL;
    while (l->due) {
        vl_post *p = l->due;
        l->due = p->next;
        p->run(p);
    }
}

void vl_loop_soon(vl_loop *l, vl_post *p)
{
    put(&l->soon, p);
}

void vl_loop_later(vl_loop *l, vl_post *p)
{
    put(&l->later, p);
}

void vl_loop_forget(vl_loop *l, vl_post *p)
{
    take(&l->soon, p);
    take(&l->later, p);
    take(&l->due, p);
}

void vl_loop_run_later(vl_loop *l)
{
    run_list(l, &l->later);
}

/* ---- Posts of other threads -------------------------------------------------------------------
 */

/* In the order they came. Those that come meanwhile have a round of their own. */
static void run_posts(vl_loop *l)
{
    pthread_mutex_lock(&l->post_lock);
    vl_post *list = l->posts;
    l->posts = NULL;
    l->posts_end = &l->posts;
    pthread_mutex_unlock(&l->post_lock);
    l->now = vl_clock_seconds();
    for (vl_post *next; list; list = next) {
        next = list->next;
        list->run(list);
    }
    run_list(l, &l->soon);
}

static void told(uv_async_t *handle)
{
    run_posts(handle->data);
}

void vl_loop_open_posts(vl_loop *l)
{
    pthread_mutex_init(&l->post_lock, NULL);
    l->posts_end = &l->posts;
    l->posting = uv_async_init(&l->uv, &l->posted, told) == 0;
    l->posted.data = l;
}

/* A handle that is closed must not be told any more. */
void vl_loop_end_posts(vl_loop *l)
{
    pthread_mutex_lock(&l->post_lock);
    l->posting = false;
    pthread_mutex_unlock(&l->post_lock);
}

void vl_loop_close_posts(vl_loop *l)
{
    while (l->posts) run_posts(l);
    pthread_mutex_destroy(&l->post_lock);
}

void vl_loop_post(vl_loop *l, vl_post *p)
{
    p->next = NULL;
    pthread_mutex_lock(&l->post_lock);
    *l->posts_end = p;
    l->posts_end = &p->next;
    if (l->posting) uv_async_send(&l->posted);
    pthread_mutex_unlock(&l->post_lock);
}
