/* Runs a fuzz target over files, or over the files of directories: `fuzz-NAME PATH...`. Ends with 0 when all
 * of them have passed, 2 where there was none to read. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static size_t replayed;

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) != 0) {
        perror(path);
        if (file)
            fclose(file);
        return false;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size ? size : 1); /* of that very size: what is read past it is found */
    bool whole = data && fread(data, 1, size, file) == size;
    fclose(file);
    if (whole) {
        LLVMFuzzerTestOneInput(data, size);
        replayed++;
    } else {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(data);
    return whole;
}

static bool replay_directory(DIR *directory, const char *path)
{
    struct dirent *entry;
    char name[4096];
    bool fine = true;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.' &&
            (size_t)snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < sizeof name)
            fine = replay_file(name) && fine;
    return fine;
}

int main(int count, char **paths)
{
    bool fine = true;
    for (int i = 1; i < count; i++) {
        DIR *directory = opendir(paths[i]);
        fine = (directory ? replay_directory(directory, paths[i]) : replay_file(paths[i])) && fine;
        if (directory)
            closedir(directory);
    }
    printf("%zu inputs\n", replayed);
    return fine && replayed ? 0 : 2;
}
