/* load_curl.c: dlopen and a table of names. The library stays mapped until the process ends. */
#include "cli/load_curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t place;
} functions[] = {
#define AT(member, name)                                                                           \
    {                                                                                              \
        name, offsetof(cli_load_curl, member)                                                      \
    }
    AT(global_init, "curl_global_init"),
    AT(global_cleanup, "curl_global_cleanup"),
    AT(easy_init, "curl_easy_init"),
    AT(easy_cleanup, "curl_easy_cleanup"),
    AT(setopt, "curl_easy_setopt"),
    AT(getinfo, "curl_easy_getinfo"),
    AT(perform, "curl_easy_perform"),
    AT(sentence, "curl_easy_strerror"),
    AT(multi_init, "curl_multi_init"),
    AT(multi_cleanup, "curl_multi_cleanup"),
    AT(multi_setopt, "curl_multi_setopt"),
    AT(multi_add, "curl_multi_add_handle"),
    AT(multi_remove, "curl_multi_remove_handle"),
    AT(multi_assign, "curl_multi_assign"),
    AT(socket_action, "curl_multi_socket_action"),
    AT(info_read, "curl_multi_info_read"),
    AT(slist_append, "curl_slist_append"),
    AT(slist_free, "curl_slist_free_all"),
#undef AT
};

static void *load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    return library ? library : dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
}

vl_status cli_load_curl_open(cli_load_curl *curl, valence_error *error)
{
    void *library = load();
    if (!library)
        return vl_fail(error, VALENCE_NOT_FOUND,
                       "cannot load libcurl, which the load test needs: install libcurl4 (%.200s)",
                       dlerror());
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(library, functions[i].name);
        if (!found)
            return vl_fail(error, VALENCE_UNSUPPORTED,
                           "libcurl is too old: it has no '%s'; install a newer one",
                           functions[i].name);
        memcpy((char *)curl + functions[i].place, &found, sizeof found);
    }
    if (curl->global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        return vl_fail(error, VALENCE_IO, "cannot start libcurl");
    return VALENCE_OK;
}

void cli_load_curl_close(cli_load_curl *curl)
{
    if (curl->global_cleanup) curl->global_cleanup();
}
