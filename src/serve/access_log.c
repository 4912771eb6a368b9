/* access_log.c: O_APPEND and one write per line. What clients choose (path, request id) is cut, and
 * quoted as in JSON in both formats, so that nobody can write a line of their own. */
#include "serve/access_log.h"

#include <fcntl.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/json.h"

enum { PATH_SHOWN = 256, ID_SHOWN = 128 };

struct vl_access_log {
    int fd;
    bool json;
};

vl_status vl_access_log_open(vl_access_log **out, const char *format, const char *path,
                             valence_error *error)
{
    *out = NULL;
    if (!format) return VALENCE_OK;
    bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "text") != 0)
        return vl_fail(error, VALENCE_ARGUMENT, "the access log's format is json or text, not '%.50s'", format);
    vl_access_log *l = vl_alloc(VL_MEM_IO, sizeof *l);
    if (!l) return vl_fail_memory(error, sizeof *l, "the access log");
    l->json = json;
    l->fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : STDERR_FILENO;
    if (l->fd < 0) {
        vl_free(l);
        return vl_fail_errno(error, "cannot open", path);
    }
    *out = l;
    return VALENCE_OK;
}

void vl_access_log_close(vl_access_log *l)
{
    if (!l) return;
    if (l->fd != STDERR_FILENO) close(l->fd);
    vl_free(l);
}

static void text(vl_buffer *line, const char *s)
{
    vl_buffer_append_text(line, s);
}

static void quoted(vl_buffer *line, vl_span s, size_t most)
{
    if (s.len > most) s.len = most;
    vl_json_write_string(line, s.ptr ? s : (vl_span){"-", 1});
}

static void when(vl_buffer *line, const char *form, double now)
{
    struct tm utc;
    char stamp[40];
    time_t seconds = (time_t)floor(now);
    strftime(stamp, sizeof stamp, form, gmtime_r(&seconds, &utc));
    text(line, stamp);
}

static void format_json(vl_buffer *line, const vl_access *a, double now)
{
    int milliseconds = (int)((now - floor(now)) * 1000);
    when(line, "{\"time\":\"%Y-%m-%dT%H:%M:%S", now);
    vl_buffer_printf(line, ".%03dZ\",\"peer\":\"%s\",\"method\":\"%s\",\"path\":", milliseconds, a->peer, a->method);
    quoted(line, a->path, PATH_SHOWN);
    vl_buffer_printf(line, ",\"route\":\"%s\",\"status\":%d,\"bytes\":%zu,\"seconds\":", a->route, a->status, a->bytes);
    vl_write_decimal(line, a->seconds, 6);
    if (a->request_id.ptr) text(line, ",\"request_id\":"), quoted(line, a->request_id, ID_SHOWN);
    text(line, "}\n");
}

/* The request of the common log format is quoted as a whole. */
static void quoted_request(vl_buffer *line, const vl_access *a)
{
    char request[PATH_SHOWN + 16];
    size_t method = strlen(a->method), path = a->path.ptr ? a->path.len : 0;
    if (path > PATH_SHOWN) path = PATH_SHOWN;
    memcpy(request, a->method, method);
    request[method] = ' ';
    if (path) memcpy(request + method + 1, a->path.ptr, path);
    else request[method + 1] = '-', path = 1;
    quoted(line, (vl_span){request, method + 1 + path}, sizeof request);
}

static void format_text(vl_buffer *line, const vl_access *a, double now)
{
    text(line, a->peer);
    when(line, " - - [%d/%b/%Y:%H:%M:%S +0000] ", now);
    quoted_request(line, a);
    vl_buffer_printf(line, " %d %zu ", a->status, a->bytes);
    vl_write_decimal(line, a->seconds, 6);
    vl_buffer_printf(line, " %s ", a->route);
    quoted(line, a->request_id, ID_SHOWN);
    text(line, "\n");
}

vl_status vl_access_log_format(vl_buffer *line, bool json, const vl_access *a, double now)
{
    vl_buffer_reset(line);
    (json ? format_json : format_text)(line, a, now);
    return line->failed ? VALENCE_NO_MEMORY : VALENCE_OK;
}

void vl_access_log_write(const vl_access_log *l, vl_buffer *line, const vl_access *a)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    double now = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    if (vl_access_log_format(line, l->json, a, now) != VALENCE_OK) return;
    ssize_t n = write(l->fd, line->data, line->len);
    (void)n; /* a full disk or a closed pipe must not stop the service */
}
