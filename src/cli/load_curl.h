/* load_curl.h: the functions of libcurl that the load test uses, found at first use: no other
 * command loads the library or needs it to be installed. */
#ifndef VL_LOAD_CURL_H
#define VL_LOAD_CURL_H

#include <curl/curl.h>

#include "base/status.h"

typedef struct cli_load_curl {
    CURLcode (*global_init)(long flags);
    void (*global_cleanup)(void);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *easy);
    CURLcode (*setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*getinfo)(CURL *easy, CURLINFO info, ...);
    CURLcode (*perform)(CURL *easy);
    const char *(*sentence)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t socket, void *user);
    CURLMcode (*socket_action)(CURLM *multi, curl_socket_t socket, int events, int *running);
    CURLMsg *(*info_read)(CURLM *multi, int *left);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free)(struct curl_slist *list);
} cli_load_curl;

/* Loads and initialises libcurl. Call it once, while the process has one thread.
 * VALENCE_NOT_FOUND, saying what to install, where there is none. */
vl_status cli_load_curl_open(cli_load_curl *curl, valence_error *error);
void cli_load_curl_close(cli_load_curl *curl);

#endif
