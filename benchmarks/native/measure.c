// Runs a command and writes the resources that it used to the file RESULT, as JSON. It is a small process of its own,
// because the kernel counts the memory of the process that starts a command as the command's peak (getrusage(2), maxrss).
//
//   measure RESULT CGROUP_PROCS COMMAND...    CGROUP_PROCS is the file through which the command joins a control group,
//                                             or - for none
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run(const char *group, char **command) {
    if (strcmp(group, "-") != 0) {
        FILE *members = fopen(group, "w");
        if (!members || fprintf(members, "%d\n", (int)getpid()) < 0 || fclose(members) != 0) _exit(126);
    }
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int count, char **arguments) {
    struct timespec started, ended;
    struct rusage used;
    int status;
    if (count < 4) {
        fprintf(stderr, "usage: measure RESULT CGROUP_PROCS COMMAND...\n");
        return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &started);
    pid_t child = fork();
    if (child == 0) run(arguments[2], arguments + 3);
    if (child < 0 || wait4(child, &status, 0, &used) != child) return 1;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    FILE *result = fopen(arguments[1], "w");
    if (!result) return 1;
    fprintf(result, "{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"max_rss_mib\": %.1f}\n",
            (double)(ended.tv_sec - started.tv_sec) + (double)(ended.tv_nsec - started.tv_nsec) / 1e9,
            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
            (double)used.ru_maxrss / 1024);
    fclose(result);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
