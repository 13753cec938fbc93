/* process.c: what the process itself takes, as metrics. */
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double count_open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double n = 0;
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

static void read_memory(double *virtual_bytes, double *resident_bytes)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long virtual_pages = 0, resident_pages = 0;
    if (file && fscanf(file, "%ld %ld", &virtual_pages, &resident_pages) == 2) {
        *virtual_bytes = (double)virtual_pages * (double)sysconf(_SC_PAGESIZE);
        *resident_bytes = (double)resident_pages * (double)sysconf(_SC_PAGESIZE);
    }
    if (file)
        fclose(file);
}

void process_export(struct metrics *metrics)
{
    struct rusage usage;
    struct rlimit limit;
    double virtual_bytes = 0, resident_bytes = 0;
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    alertron_counter_add(metrics->process_cpu, cpu - alertron_counter_value(metrics->process_cpu));
    read_memory(&virtual_bytes, &resident_bytes);
    alertron_gauge_set(metrics->process_virtual, virtual_bytes);
    alertron_gauge_set(metrics->process_resident, resident_bytes);
    alertron_gauge_set(metrics->process_fds, count_open_fds());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        alertron_gauge_set(metrics->process_fds_max, (double)limit.rlim_cur);
}
