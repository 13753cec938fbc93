/* bare_metal.c: the answers on a Cortex-M without an operating system, a heap or a C start-up file. What is written
 * goes to the emulator or debugger by semihosting.
 *
 * With -DSCORE_ONLY it is the least that a device needs, for its size: a model is loaded and scores a row.
 */
#include "answers.h"

#include <stdalign.h>

extern const unsigned char model_file[];
extern const unsigned char model_file_end[];
extern unsigned char stack_top[], bss_begin[], bss_end[];

/* --- the machine --- */

void reset(void);
int main(void);

__attribute__((section(".vectors"), used)) static const struct {
    const unsigned char *stack;
    void (*reset)(void);
} vectors = {stack_top, reset};

__asm__(".section .rodata\n.balign 8\n.global model_file, model_file_end\n"
        "model_file: .incbin \"" MODEL_FILE "\"\nmodel_file_end:\n.text\n");

enum { WRITE_TEXT = 0x04, EXIT = 0x20, STOPPED_BY_PROGRAM = 0x20026 };

static void ask_host(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: the floating-point unit is off after reset */
    __asm__ volatile("dsb\nisb");
    for (unsigned char *at = bss_begin; at < bss_end; at++)
        *at = 0;
    const uint32_t status[2] = {STOPPED_BY_PROGRAM, (uint32_t)main()};
    ask_host(EXIT, status);
    for (;;)
        ;
}

/* --- memory: a buffer that is given out from its beginning and never taken back --- */

static alignas(8) unsigned char memory[256 * 1024];

static void *take(void *context, size_t bytes)
{
    size_t *used = context;
    bytes = (bytes + 7) & ~(size_t)7;
    if (bytes > sizeof memory - *used)
        return NULL;
    *used += bytes;
    return memory + *used - bytes;
}

static void give_back(void *context, void *given, size_t bytes)
{
    (void)context, (void)given, (void)bytes;
}

/* --- the program --- */

#ifdef SCORE_ONLY

int main(void)
{
    static const double row[64] = {1.5};
    size_t used = 0;
    const alertron_allocator allocator = {take, give_back, &used};
    alertron_model *model = alertron_model_load(model_file, (size_t)(model_file_end - model_file), &allocator, NULL);
    return model && alertron_model_score(model, row) > 0 ? 0 : 1;
}

#else

/* Who gives no allocator is told what to do. */
static bool is_told(void)
{
    alertron_error error;
    static const char word[] = "ALERTRON_NO_MALLOC";
    if (alertron_registry_new(NULL, NULL, &error))
        return false;
    for (const char *at = error.text; *at; at++) {
        size_t n = 0;
        while (word[n] && at[n] == word[n])
            n++;
        if (!word[n])
            return error.status == ALERTRON_ERROR_MEMORY;
    }
    return false;
}

int main(void)
{
    static char text[8192];
    size_t used = 0;
    const alertron_allocator allocator = {take, give_back, &used};
    const size_t n = answers(model_file, (size_t)(model_file_end - model_file), &allocator, text, sizeof text);
    ask_host(WRITE_TEXT, text);
    return n && is_told() ? 0 : 1;
}

#endif
