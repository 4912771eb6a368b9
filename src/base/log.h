/* log.h: the library prints nothing; what it has to tell goes through a callback. */
#ifndef VL_LOG_H
#define VL_LOG_H

#include <stdint.h>

typedef enum vl_log_level { VL_LOG_DEBUG, VL_LOG_INFO, VL_LOG_WARNING } vl_log_level;

typedef void (*vl_log_fn)(void *user, vl_log_level level, const char *message);

/* Sets the process' listener (NULL: silence, the start state). Set it before work starts. */
void vl_log_listen(vl_log_fn fn, void *user);

/* Formats and hands over one line; cheap when nobody listens. */
void vl_log(vl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
