/* model_measure.c: the child opens the model, predicts, and sends its figures through a pipe.
 *
 * Memory is the child's resident growth between two moments: before, the model was opened, used and
 * closed once, so that the code of both is resident already and counts for nothing; malloc's free
 * pages and the embedded model's pages are given back first, so that they count when touched again.
 * Time is one clock reading before and after each prediction; the cost of reading it (some 20 to 50
 * ns) is in the figures. */
#include "cli/model_measure.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/sample_texts.h"
#include "engine/embedded_model.h"

/* A p99 wants some hundred predictions: a slow model gets up to three seconds for them. */
enum { SAMPLES_WANTED = 512, SAMPLES_MAX = 1 << 15 };
static const double seconds_wanted = 0.05, seconds_most = 3;

bool cli_measurement_valid(const cli_measurement *m)
{
    const double above_zero[] = {m->load_seconds, m->p50, m->p99, m->texts_per_second,
                                 m->memory_bytes};
    for (size_t i = 0; i < sizeof above_zero / sizeof *above_zero; i++)
        if (!(above_zero[i] > 0) || !isfinite(above_zero[i])) return false;
    return m->p50 <= m->p99 && m->private_bytes >= 0 && m->private_bytes <= m->memory_bytes;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Another order each round: a processor's branch predictor can learn a sequence, too. */
static void shuffle(int order[CLI_SAMPLE_TEXTS], uint64_t round)
{
    for (int i = 0; i < CLI_SAMPLE_TEXTS; i++) {
        int j = (int)(vl_random_at(round, (uint64_t)i) % (uint64_t)(i + 1));
        order[i] = i;
        order[i] = order[j];
        order[j] = i;
    }
}

static vl_status predict(valence_context *c, int text, double *seconds, valence_error *error)
{
    valence_prediction p;
    const char *bytes = cli_sample_texts[text];
    size_t len = strlen(bytes);
    double start = vl_clock_seconds();
    VL_TRY(valence_context_predict(c, bytes, len, &p, error));
    *seconds = vl_clock_seconds() - start;
    return VALENCE_OK;
}

static bool is_enough(size_t samples, double seconds)
{
    return seconds >= seconds_most || (seconds >= seconds_wanted && samples >= SAMPLES_WANTED);
}

/* Fills seconds with the time of one prediction after the other; gives how many. */
static vl_status time_predictions(double seconds[SAMPLES_MAX], size_t *samples, valence_context *c,
                                  valence_error *error)
{
    int order[CLI_SAMPLE_TEXTS];
    size_t n = 0;
    for (double sum = 0; n < SAMPLES_MAX && !is_enough(n, sum); sum += seconds[n++]) {
        size_t i = n % CLI_SAMPLE_TEXTS;
        if (i == 0) shuffle(order, n);
        VL_TRY(predict(c, order[i], &seconds[n], error));
    }
    *samples = n;
    return VALENCE_OK;
}

/* The rate leaves out the slowest hundredth, too: when another program gets the processor for some
 * milliseconds, that is ten thousand predictions, and says nothing about the model. */
static void summarise(cli_measurement *m, double *seconds, size_t n)
{
    size_t most = n * 99 / 100;
    double sum = 0;
    qsort(seconds, n, sizeof *seconds, by_value);
    for (size_t i = 0; i <= most; i++) sum += seconds[i];
    m->p50 = seconds[n / 2];
    m->p99 = seconds[most];
    m->texts_per_second = (double)(most + 1) / sum;
}

static vl_status measure_time(cli_measurement *m, valence_context *c, valence_error *error)
{
    double *seconds = vl_alloc_array(VL_MEM_BATCH, SAMPLES_MAX, sizeof *seconds);
    size_t n;
    if (!seconds) return vl_fail_memory(error, SAMPLES_MAX * sizeof *seconds, "measuring");
    vl_status status = time_predictions(seconds, &n, c, error);
    if (status == VALENCE_OK) summarise(m, seconds, n);
    vl_free(seconds);
    return status;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

typedef struct resident {
    double all, private;
} resident;

/* smaps_rollup counts pages; statm, where there is only that, may be some 100 KB behind, and cannot
 * tell private pages: all count as such. */
static resident resident_now(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long long all = 0, anonymous = -1;
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Rss: %lld kB", &all);
        sscanf(line, "Anonymous: %lld kB", &anonymous);
    }
    if (f) fclose(f);
    if (all > 0 && anonymous >= 0) return (resident){(double)all * 1024, (double)anonymous * 1024};
    double bytes = (double)vl_rss_bytes();
    return (resident){bytes, bytes};
}

/* The pages that lie wholly in the embedded model; they are read again when touched. */
static void drop_embedded_pages(void)
{
    vl_span bytes = vl_embedded_model();
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)bytes.ptr;
    size_t skip = (size_t)((page - begin % page) % page);
    if (bytes.len < skip + page) return;
    char *first = (char *)(uintptr_t)(bytes.ptr + skip); /* madvise's prototype wants no const */
    madvise(first, (bytes.len - skip) / page * page, MADV_DONTNEED);
}

/* What is less than the system can show counts as `least`. */
static double growth(double after, double before, double least)
{
    return after - before > least ? after - before : least;
}

/* ---- In the child ---------------------------------------------------------------------------- */

typedef struct session {
    valence_model *model;
    valence_context *context;
    double load_seconds;
} session;

static void session_close(session *s)
{
    valence_context_close(s->context);
    valence_model_close(s->model);
    *s = (session){0};
}

/* Opens the model and predicts each text once; to be closed in any case. */
static vl_status session_open(session *s, const char *name, valence_error *error)
{
    double seconds;
    *s = (session){0};
    double start = vl_clock_seconds();
    VL_TRY(valence_model_open(&s->model, name, NULL, error));
    s->load_seconds = vl_clock_seconds() - start;
    VL_TRY(valence_context_open(&s->context, s->model, error));
    for (int i = 0; i < CLI_SAMPLE_TEXTS; i++) VL_TRY(predict(s->context, i, &seconds, error));
    return VALENCE_OK;
}

/* The first opening in this process is the one that is timed, the second the one whose memory
 * counts. */
static vl_status measure_session(cli_measurement *m, session *s, const char *name,
                                 valence_error *error)
{
    VL_TRY(session_open(s, name, error));
    m->load_seconds = s->load_seconds;
    session_close(s);
    malloc_trim(0);
    drop_embedded_pages();
    resident before = resident_now();
    VL_TRY(session_open(s, name, error));
    resident after = resident_now();
    m->memory_bytes = growth(after.all, before.all, 4096);
    m->private_bytes = fmin(growth(after.private, before.private, 0), m->memory_bytes);
    return measure_time(m, s->context, error);
}

static vl_status measure_here(cli_measurement *m, const char *name, valence_error *error)
{
    session s;
    vl_status status = measure_session(m, &s, name, error);
    session_close(&s);
    return status;
}

/* ---- Between the processes ------------------------------------------------------------------- */

typedef struct report {
    vl_status status;
    cli_measurement measurement;
    valence_error error;
} report; /* less than PIPE_BUF: written as one piece */

static _Noreturn void run_child(int out, const char *name)
{
    report r = {0};
    r.status = measure_here(&r.measurement, name, &r.error);
    ssize_t n = write(out, &r, sizeof r);
    _exit(n == (ssize_t)sizeof r ? 0 : 1);
}

static bool read_report(int in, report *r)
{
    size_t len = 0;
    while (len < sizeof *r) {
        ssize_t n = read(in, (char *)r + len, sizeof *r - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        len += (size_t)n;
    }
    return true;
}

static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static vl_status take_report(cli_measurement *m, int in, pid_t child, const char *name,
                             valence_error *error)
{
    report r;
    bool whole = read_report(in, &r);
    int status = wait_for(child);
    if (!whole && WIFSIGNALED(status))
        return vl_fail(error, VALENCE_IO, "cannot measure model '%.200s': killed by signal %d (%s)",
                       name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (!whole) return vl_fail(error, VALENCE_IO, "cannot measure model '%.200s': no answer", name);
    if (r.status != VALENCE_OK) {
        if (error) *error = r.error;
        return r.status;
    }
    *m = r.measurement;
    return cli_measurement_valid(m) ? VALENCE_OK
                                    : vl_fail(error, VALENCE_IO,
                                              "cannot measure model '%.200s': the "
                                              "system's clock or memory figures make no sense",
                                              name);
}

vl_status cli_model_measure(cli_measurement *m, const char *name, valence_error *error)
{
    int ends[2];
    if (pipe(ends) != 0) return vl_fail_errno(error, "cannot measure model", name);
    fflush(NULL); /* what is buffered must not be written twice */
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(ends[1], name);
    }
    close(ends[1]);
    vl_status status = child < 0 ? vl_fail_errno(error, "cannot measure model", name)
                                 : take_report(m, ends[0], child, name, error);
    close(ends[0]);
    return status;
}
