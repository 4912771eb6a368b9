/* cpu.c: CPU features once per process, and the CPU limits a container imposes. */
#include "base/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const isa_names[VL_ISA_COUNT] = {"scalar", "avx2", "avx512"};

#if defined(__x86_64__)
/* clang 14's __builtin_cpu_supports does not know the names. */
static int has_lzcnt(void)
{
    unsigned a, b, c = 0, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
}

static int has_f16c(void)
{
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

static vl_isa detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !has_lzcnt() || !has_f16c() ||
        !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("pclmul"))
        return VL_ISA_SCALAR;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512vbmi2"))
        return VL_ISA_AVX2;
    return VL_ISA_AVX512;
#else
    return VL_ISA_SCALAR;
#endif
}

/* Asked once: in a virtual machine CPUID leaves it for the hypervisor, tens of microseconds. */
vl_isa vl_isa_detected(void)
{
    static _Atomic int known = -1;
    int isa = atomic_load_explicit(&known, memory_order_relaxed);
    if (isa < 0) isa = (int)detect();
    atomic_store_explicit(&known, isa, memory_order_relaxed);
    return (vl_isa)isa;
}

static vl_isa isa_from_environment(void)
{
    vl_isa isa = vl_isa_detected();
    const char *wanted = getenv("VALENCE_ISA");
    for (int i = 0; wanted && i < VL_ISA_COUNT; i++)
        if (strcmp(wanted, isa_names[i]) == 0 && i < (int)isa) isa = (vl_isa)i;
    return isa;
}

static _Atomic int active = -1;

vl_isa vl_isa_active(void)
{
    int isa = atomic_load_explicit(&active, memory_order_relaxed);
    if (isa >= 0) return (vl_isa)isa;
    isa = (int)isa_from_environment();
    atomic_store_explicit(&active, isa, memory_order_relaxed);
    return (vl_isa)isa;
}

void vl_isa_limit(vl_isa isa)
{
    vl_isa best = vl_isa_detected();
    atomic_store(&active, (int)(isa < best ? isa : best));
}

const char *vl_isa_name(vl_isa isa)
{
    return (unsigned)isa < VL_ISA_COUNT ? isa_names[isa] : "unknown";
}

enum { VNNI = 1, BF16 = 2 };

static int detect_extras(void)
{
    int extras = 0;
#if defined(__x86_64__)
    unsigned a = 0, b, c = 0, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_AVX512VNNI)) extras |= VNNI;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVX512BF16)) extras |= BF16;
#endif
    return extras;
}

/* Asked once, too. */
static bool has_extra(int extra)
{
    static _Atomic int known = -1;
    if (vl_isa_active() != VL_ISA_AVX512) return false;
    int extras = atomic_load_explicit(&known, memory_order_relaxed);
    if (extras < 0) extras = detect_extras();
    atomic_store_explicit(&known, extras, memory_order_relaxed);
    return extras & extra;
}

bool vl_cpu_has_vnni(void)
{
    return has_extra(VNNI);
}

bool vl_cpu_has_bf16(void)
{
    return has_extra(BF16);
}

/* The first one or two numbers of a file; gives how many there were. */
static int read_numbers(const char *path, long long *first, long long *second)
{
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    int fields = fscanf(f, "%lld %lld", first, second);
    fclose(f);
    return fields > 0 ? fields : 0;
}

/* quota / period, rounded up; 0: no limit. */
static int quota_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0 || quota / period > 100000) return 0;
    return (int)((quota + period - 1) / period);
}

/* The path of this process' cgroup v2 below the mount, "" when it cannot be told. */
static void cgroup_path(char *path, size_t size)
{
    path[0] = '\0';
    FILE *f = fopen("/proc/self/cgroup", "r");
    if (!f) return;
    char line[512];
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, size, "%s", line + 3);
        }
    fclose(f);
}

/* cgroup v2: the least of this group's limit and its parents'. */
static int cgroup2_cpus(void)
{
    char group[512], path[600];
    int least = 0;
    cgroup_path(group, sizeof group);
    for (char *slash = group;; *slash = '\0') {
        long long quota = 0, period = 100000;
        snprintf(path, sizeof path, "/sys/fs/cgroup%.500s/cpu.max", group);
        int n = read_numbers(path, &quota, &period) == 2 ? quota_cpus(quota, period) : 0;
        if (n > 0 && (least == 0 || n < least)) least = n;
        slash = strrchr(group, '/');
        if (!slash) return least;
    }
}

static int cgroup_cpus(void)
{
    int n = cgroup2_cpus();
    if (n > 0) return n;
    long long quota = 0, period = 100000, unused;
    read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &unused);
    read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &unused);
    return quota_cpus(quota, period);
}

int vl_cpu_count(void)
{
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) < n) n = CPU_COUNT(&mask);
    int limit = cgroup_cpus();
    if (limit > 0 && limit < n) n = limit;
    return n > 0 ? n : 1;
}
