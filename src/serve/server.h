/* server.h: the web server: loops on threads, signals, the order of starting and stopping. */
#ifndef VL_SERVER_H
#define VL_SERVER_H

#include <stdbool.h>

#include "base/status.h"
#include "serve/front.h"
#include "serve/limits.h"
#include "serve/model_keeper.h"

typedef struct vl_server vl_server;

typedef struct vl_server_options {
    const char *host;  /* "127.0.0.1" */
    int port;          /* 8080; 0: any free one */
    const char *local; /* path of a Unix socket besides, or NULL */
    int threads;       /* loops; 0: one per processor */
    vl_limits limits;
    vl_front_options front; /* its cache is on unless told otherwise */
    vl_queue_options queue; /* of slow models */
    const vl_predictor *predictor;
    double grace_seconds;            /* after SIGTERM: ready says no, all else goes on */
    double drain_seconds;            /* then: answers still owed are waited for */
    const char *const *models;       /* (model_count) files or names of shipped models */
    int model_count;
    bool admin;         /* clients may load and unload models */
    const char *folder; /* of what they may load, by name; or NULL */
    void (*listening)(void *user, const char *where); /* told once when clients may come; or NULL */
    void *user;
} vl_server_options;

vl_server_options vl_server_defaults(void);

/* Serves until SIGTERM or SIGINT; SIGHUP opens all models again. Errors before the first request only: a model, an address. */
vl_status vl_server_run(const vl_server_options *options, valence_error *error);

/* For routes. */
const vl_predictor *vl_server_predictor(const vl_server *s);
vl_model_keeper *vl_server_keeper(const vl_server *s);
bool vl_server_admin(const vl_server *s);

/* For routes: false while starting, draining, stopping. Any thread. */
bool vl_server_ready(const vl_server *s);

#endif
