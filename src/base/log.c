/* log.c: one listener for the process. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static vl_log_fn listener;
static void *listener_user;

void vl_log_listen(vl_log_fn fn, void *user)
{
    listener = fn;
    listener_user = user;
}

void vl_log(vl_log_level level, const char *format, ...)
{
    if (!listener) return;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    listener(listener_user, level, message);
}
