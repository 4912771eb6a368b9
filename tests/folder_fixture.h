/* folder_fixture.h: a folder for a group's files: group set-up and tear-down. */
#ifndef FOLDER_FIXTURE_H
#define FOLDER_FIXTURE_H

#include "test.h"

static char folder[256];

static int make_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%.200s/valence_test_XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

#endif
