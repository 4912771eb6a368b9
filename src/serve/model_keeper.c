/* model_keeper.c: a thread that sleeps until it is asked, or a second has passed: then it looks
 * whether files have changed, and closes sets that are out of use. */
#include "serve/model_keeper.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { LOOK_SECONDS = 1, PATH_BYTES = 4096 };

struct vl_model_keeper {
    vl_keeper_options options;
    vl_model_set *current;
    vl_model_set *retired; /* list: loops or answers may still use them */
    uint64_t
        retired_version; /* the highest of a model that was unloaded: its name begins above it */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool stopping, reload;
    int to_switch; /* loops that have not gone on yet */
    vl_keeper_task *tasks, **tasks_end;
};

/* ---- A new set ------------------------------------------------------------------------------- */

static void retire(vl_model_keeper *k, vl_model_set *s)
{
    atomic_fetch_sub(&s->users, 1);
    s->next = k->retired;
    k->retired = s;
}

static void close_unused(vl_model_keeper *k)
{
    for (vl_model_set **at = &k->retired, *s; (s = *at);) {
        if (atomic_load(&s->users) > 0) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        vl_model_set_close(s);
    }
}

static void wait_for_loops(vl_model_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    while (k->to_switch > 0 && !k->stopping) pthread_cond_wait(&k->changed, &k->lock);
    pthread_mutex_unlock(&k->lock);
}

/* Returns when every loop answers from it. On failure everything is as it was. */
static vl_status go_on_with(vl_model_keeper *k, vl_served_model *const *models, int count,
                            valence_error *error)
{
    vl_model_set *s = vl_model_set_make(models, count);
    if (!s) return vl_fail_memory(error, sizeof *s, "models");
    atomic_store(&s->users, 1);
    pthread_mutex_lock(&k->lock);
    k->to_switch = k->options.loops;
    pthread_mutex_unlock(&k->lock);
    vl_status status = k->options.publish(k->options.user, s, error);
    if (status != VALENCE_OK) {
        vl_model_set_close(s);
        return status;
    }
    retire(k, k->current);
    k->current = s;
    wait_for_loops(k);
    return VALENCE_OK;
}

/* ---- Loading --------------------------------------------------------------------------------- */

static void tell(const char *name, bool is_new, vl_status status, uint64_t version, double seconds,
                 const valence_error *error)
{
    if (status == VALENCE_OK)
        vl_log(VL_LOG_INFO, "model '%.100s' loaded, version %llu, in %.3f s", name,
               (unsigned long long)version, seconds);
    else
        vl_log(VL_LOG_WARNING, "model '%.100s' cannot be loaded%s: %s", name,
               is_new ? "" : " and stays as it was", error->message);
}

/* Puts a model opened again, or (at the end) a new one, into a new set. */
static vl_status put_model(vl_model_keeper *k, int index, vl_served_model *m, valence_error *error)
{
    vl_served_model *models[VL_MODELS_MAX];
    int count = k->current->count;
    memcpy(models, k->current->models, sizeof models);
    models[index] = m;
    m->sets++; /* ours, until the set has it */
    vl_status status = go_on_with(k, models, index == count ? count + 1 : count, error);
    if (--m->sets == 0) vl_served_model_close(m);
    return status;
}

static vl_status load(vl_model_keeper *k, int index, const char *name, const char *source,
                      uint64_t version, valence_error *error)
{
    vl_served_model *m;
    bool is_new = index == k->current->count;
    double began = vl_clock_seconds();
    vl_status status = vl_served_model_open(&m, name, source, version, &k->options.needs, error);
    if (status == VALENCE_OK) status = put_model(k, index, m, error);
    tell(name, is_new, status, version, vl_clock_seconds() - began, error);
    return status;
}

static vl_status load_again(vl_model_keeper *k, int index, uint64_t *version, valence_error *error)
{
    vl_served_model *m = k->current->models[index];
    *version = m->version + 1;
    uint64_t mark = vl_served_model_mark(m);
    vl_status status = load(k, index, m->name, m->source, *version, error);
    if (status != VALENCE_OK) m->failed = mark; /* until the files change once more */
    return status;
}

static void reload_all(vl_model_keeper *k)
{
    for (int i = 0; i < k->current->count; i++) {
        valence_error error = {0};
        uint64_t version;
        load_again(k, i, &version, &error);
    }
}

/* Files that have changed, and stayed so since the last look: what writes them is done. */
static void reload_changed(vl_model_keeper *k)
{
    for (int i = 0; i < k->current->count; i++) {
        vl_served_model *m = k->current->models[i];
        uint64_t mark = vl_served_model_mark(m), seen = m->seen, version;
        valence_error error = {0};
        m->seen = mark;
        if (mark && mark == seen && mark != m->mark && mark != m->failed)
            load_again(k, i, &version, &error);
    }
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

bool vl_keeper_is_name(vl_span name)
{
    if (name.len == 0 || name.len >= VL_TASK_NAME || name.ptr[0] == '.') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.';
        if (!fine) return false;
    }
    return true;
}

/* A file, or a folder with a slash behind. */
static bool find_file(const vl_model_keeper *k, const char *name, char path[PATH_BYTES])
{
    static const char *const endings[] = {".safetensors", "/"};
    for (size_t i = 0; i < 2; i++) {
        int len = snprintf(path, PATH_BYTES, "%s/%s%s", k->options.folder, name, endings[i]);
        if (len > 0 && len < PATH_BYTES && vl_model_mark(path)) return true;
    }
    return false;
}

static vl_status load_named(vl_model_keeper *k, vl_keeper_task *t)
{
    char path[PATH_BYTES];
    int count = k->current->count, i = vl_model_set_find(k->current, vl_span_of(t->name));
    if (i >= 0) return load_again(k, i, &t->version, &t->error);
    if (!k->options.folder || !find_file(k, t->name, path))
        return vl_fail(&t->error, VALENCE_NOT_FOUND, "no model '%s' to load", t->name);
    if (count == VL_MODELS_MAX)
        return vl_fail(&t->error, VALENCE_LIMIT, "%d models are served already", count);
    t->version = k->retired_version + 1;
    return load(k, count, t->name, path, t->version, &t->error);
}

static vl_status unload_named(vl_model_keeper *k, vl_keeper_task *t)
{
    vl_served_model *models[VL_MODELS_MAX];
    int count = k->current->count, index = vl_model_set_find(k->current, vl_span_of(t->name));
    if (index < 0) return vl_fail(&t->error, VALENCE_NOT_FOUND, "no model '%s' is served", t->name);
    if (index == 0)
        return vl_fail(&t->error, VALENCE_LIMIT, "model '%s' is the default one", t->name);
    t->version = k->current->models[index]->version;
    memcpy(models, k->current->models, sizeof models);
    memmove(models + index, models + index + 1, (size_t)(count - index - 1) * sizeof *models);
    VL_TRY(go_on_with(k, models, count - 1, &t->error));
    if (t->version > k->retired_version) k->retired_version = t->version;
    vl_log(VL_LOG_INFO, "model '%.100s' unloaded", t->name);
    return VALENCE_OK;
}

static void run_task(vl_model_keeper *k, vl_keeper_task *t)
{
    t->status = t->unload ? unload_named(k, t) : load_named(k, t);
    t->done(t);
}

static void refuse_task(vl_keeper_task *t)
{
    t->status = vl_fail(&t->error, VALENCE_CANCELLED, "the server is stopping");
    t->done(t);
}

/* ---- The thread ------------------------------------------------------------------------------ */

static vl_keeper_task *take_task(vl_model_keeper *k)
{
    vl_keeper_task *t = k->tasks;
    if (!t) return NULL;
    k->tasks = t->next;
    if (!k->tasks) k->tasks_end = &k->tasks;
    return t;
}

static void wait_at_most(vl_model_keeper *k, double seconds)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t nanoseconds = (int64_t)(seconds * 1e9) + at.tv_nsec;
    at.tv_sec += nanoseconds / 1000000000;
    at.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&k->changed, &k->lock, &at);
}

/* What is to be done next, without the lock; false: nothing before `look`. */
static bool work(vl_model_keeper *k, double *look)
{
    vl_keeper_task *task = take_task(k);
    bool all = !task && k->reload, due = vl_clock_seconds() >= *look;
    if (!task && !all && !due) return false;
    if (all) k->reload = false;
    pthread_mutex_unlock(&k->lock);
    if (task) run_task(k, task);
    if (all) reload_all(k);
    if (due) reload_changed(k);
    if (due) *look = vl_clock_seconds() + LOOK_SECONDS;
    close_unused(k);
    pthread_mutex_lock(&k->lock);
    return true;
}

static void *keep(void *keeper)
{
    vl_model_keeper *k = keeper;
    double look = vl_clock_seconds() + LOOK_SECONDS;
    pthread_mutex_lock(&k->lock);
    while (!k->stopping)
        if (!work(k, &look)) wait_at_most(k, look - vl_clock_seconds());
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

void vl_keeper_reload(vl_model_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->reload = true;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

void vl_keeper_switched(vl_model_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->to_switch--;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

void vl_keeper_do(vl_model_keeper *k, vl_keeper_task *t)
{
    t->next = NULL;
    pthread_mutex_lock(&k->lock);
    *k->tasks_end = t;
    k->tasks_end = &t->next;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

vl_model_set *vl_keeper_set(const vl_model_keeper *k)
{
    return k->current;
}

/* Whether it is this entry of the folder that a name is found by. */
static bool is_found_by(const vl_model_keeper *k, const char *entry, const char *name)
{
    char path[PATH_BYTES];
    if (!vl_keeper_is_name(vl_span_of(name)) || !find_file(k, name, path)) return false;
    const char *file = strrchr(path, '/') + 1;
    return strcmp(*file ? file : name, entry) == 0;
}

static void tell_entry(const vl_model_keeper *k, const char *entry,
                       void (*fn)(void *, const char *), void *user)
{
    char *name = vl_served_model_name(entry);
    if (name && is_found_by(k, entry, name)) fn(user, name);
    vl_free(name);
}

void vl_keeper_each_file(const vl_model_keeper *k, void (*fn)(void *user, const char *name),
                         void *user)
{
    DIR *folder = k->options.folder ? opendir(k->options.folder) : NULL;
    if (!folder) return;
    for (struct dirent *e; (e = readdir(folder));) tell_entry(k, e->d_name, fn, user);
    closedir(folder);
}

/* ---- Open, close ----------------------------------------------------------------------------- */

static vl_status open_first(const vl_keeper_options *o, vl_served_model **models, int *count,
                            valence_error *error)
{
    for (; *count < o->model_count; (*count)++) {
        char *name = vl_served_model_name(o->models[*count]);
        if (!name) return vl_fail_memory(error, strlen(o->models[*count]), "a model's name");
        vl_status status = VALENCE_OK;
        for (int i = 0; i < *count && status == VALENCE_OK; i++)
            if (strcmp(models[i]->name, name) == 0)
                status = vl_fail(error, VALENCE_ARGUMENT, "two models are called '%.100s'", name);
        if (status == VALENCE_OK)
            status =
                vl_served_model_open(&models[*count], name, o->models[*count], 1, &o->needs, error);
        vl_free(name);
        VL_TRY(status);
    }
    return VALENCE_OK;
}

static vl_status open_set(vl_model_keeper *k, valence_error *error)
{
    vl_served_model *models[VL_MODELS_MAX];
    int count = 0;
    vl_status status = open_first(&k->options, models, &count, error);
    if (status == VALENCE_OK && !(k->current = vl_model_set_make(models, count)))
        status = vl_fail_memory(error, sizeof *k->current, "models");
    if (status == VALENCE_OK) atomic_store(&k->current->users, 1);
    for (int i = 0; i < count && status != VALENCE_OK; i++) vl_served_model_close(models[i]);
    return status;
}

vl_status vl_keeper_open(vl_model_keeper **out, const vl_keeper_options *options,
                         valence_error *error)
{
    pthread_condattr_t monotonic;
    *out = NULL;
    if (options->model_count < 1 || options->model_count > VL_MODELS_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "1 to %d models can be served", VL_MODELS_MAX);
    vl_model_keeper *k = vl_alloc_zero(VL_MEM_MODEL, sizeof *k);
    if (!k) return vl_fail_memory(error, sizeof *k, "models");
    k->options = *options;
    k->tasks_end = &k->tasks;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    vl_status status = open_set(k, error);
    if (status == VALENCE_OK) *out = k;
    else vl_keeper_close(k);
    return status;
}

vl_status vl_keeper_start(vl_model_keeper *k, valence_error *error)
{
    if (pthread_create(&k->thread, NULL, keep, k) != 0)
        return vl_fail(error, VALENCE_IO, "cannot start a thread for models");
    k->runs = true;
    return VALENCE_OK;
}

static void stop_queues(vl_model_set *s)
{
    for (int i = 0; s && i < s->count; i++) vl_served_model_stop(s->models[i]);
}

void vl_keeper_stop(vl_model_keeper *k)
{
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->stopping = true;
    pthread_cond_broadcast(&k->changed);
    pthread_mutex_unlock(&k->lock);
    if (k->runs) pthread_join(k->thread, NULL);
    k->runs = false;
    for (vl_keeper_task *t; (t = take_task(k));) refuse_task(t);
    stop_queues(k->current);
    for (vl_model_set *s = k->retired; s; s = s->next) stop_queues(s);
}

void vl_keeper_close(vl_model_keeper *k)
{
    if (!k) return;
    vl_model_set_close(k->current);
    for (vl_model_set *s = k->retired, *next; s; s = next) {
        next = s->next;
        vl_model_set_close(s);
    }
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
    vl_free(k);
}
