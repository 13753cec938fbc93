/* pickle.c: bytes to values: a pickle machine that executes nothing.
 *
 * Protocols 2 to 5 of Python's pickle, and the raw array data that joblib puts behind its NumpyArrayWrapper
 * objects. Where Python would call something, a value that says so is made. The machine knows the operations
 * that such files hold and refuses all others; every operation takes time and memory in proportion to the bytes
 * it reads, and the arena bounds their sum.
 */
#include "pickle_machine.h"

#include <string.h>

enum {
    STACK_MAX = 131072, /* values: twice the trees of a forest, which are one tuple before they are one value */
    PROTOCOL_MIN = 2,
    PROTOCOL_MAX = 5
};

bool alertron__machine_malformed(const struct machine *machine, const char *what)
{
    alertron__error(machine->arena->error, ALERTRON_ERROR_FORMAT, machine->begin,
                    "%s at byte %zu: the file is damaged, or no pickle; save the model again", what, machine->begin);
    return false;
}

static bool too_much(const struct machine *machine, const char *what, size_t limit)
{
    alertron__error(machine->arena->error, ALERTRON_ERROR_LIMIT, machine->begin,
                    "more than %zu %s at byte %zu; no forest needs as many, save the forest alone", limit, what,
                    machine->begin);
    return false;
}

/* --- bytes ---------------------------------------------------------------------------------------- */

bool alertron__machine_take_bytes(struct machine *machine, uint64_t n, const unsigned char **bytes)
{
    *bytes = machine->bytes + machine->at;
    if (n <= machine->n - machine->at) {
        machine->at += (size_t)n;
        return true;
    }
    alertron__error(machine->arena->error, ALERTRON_ERROR_FORMAT, machine->begin,
                    "the file is cut short or damaged: what begins at byte %zu goes past its end at %zu; copy the file "
                    "again, or save the model again",
                    machine->begin, machine->n);
    return false;
}

static bool take_count(struct machine *machine, size_t n_bytes, uint64_t *count)
{
    const unsigned char *bytes;
    *count = 0;
    if (!alertron__machine_take_bytes(machine, n_bytes, &bytes))
        return false;
    *count = alertron__load_le(bytes, n_bytes);
    return true;
}

bool alertron__machine_take_counted(struct machine *machine, size_t n_bytes, const unsigned char **bytes, size_t *n)
{
    uint64_t count;
    if (!take_count(machine, n_bytes, &count) || !alertron__machine_take_bytes(machine, count, bytes))
        return false;
    *n = (size_t)count;
    return true;
}

/* --- the stack ------------------------------------------------------------------------------------ */

static size_t stack_floor(const struct machine *machine)
{
    return machine->n_marks ? machine->marks[machine->n_marks - 1] : 0;
}

bool alertron__machine_push(struct machine *machine, struct value *value)
{
    if (!value)
        return false; /* whoever made no value filled the error */
    if (machine->stack.n == STACK_MAX)
        return too_much(machine, "values on the stack", STACK_MAX);
    return alertron__values_push(machine->arena, &machine->stack, value);
}

struct value *alertron__machine_new_value(struct machine *machine, enum value_kind kind)
{
    return alertron__value_new(machine->arena, kind, machine->begin);
}

static bool push_new(struct machine *machine, enum value_kind kind)
{
    return alertron__machine_push(machine, alertron__machine_new_value(machine, kind));
}

struct value *alertron__machine_pop(struct machine *machine)
{
    return machine->stack.n > stack_floor(machine) ? machine->stack.items[--machine->stack.n] : NULL;
}

struct value *alertron__machine_top(const struct machine *machine)
{
    return machine->stack.n > stack_floor(machine) ? machine->stack.items[machine->stack.n - 1] : NULL;
}

/* Takes the values since the last mark off the stack; they stay readable until the next push. */
static bool pop_marked(struct machine *machine, struct value ***items, size_t *n)
{
    if (!machine->n_marks)
        return false;
    size_t mark = machine->marks[--machine->n_marks];
    *items = machine->stack.items + mark;
    *n = machine->stack.n - mark;
    machine->stack.n = mark;
    return true;
}

static bool no_value(const struct machine *machine)
{
    return alertron__machine_malformed(machine, "an operation without its value");
}

static bool do_mark(struct machine *machine)
{
    if (machine->n_marks == MARKS_MAX)
        return too_much(machine, "nested containers", MARKS_MAX);
    machine->marks[machine->n_marks++] = machine->stack.n;
    return true;
}

static bool do_proto(struct machine *machine)
{
    uint64_t protocol;
    if (!take_count(machine, 1, &protocol))
        return false;
    if (machine->begin != machine->start)
        return alertron__machine_malformed(machine, "a second beginning");
    if (protocol >= PROTOCOL_MIN && protocol <= PROTOCOL_MAX)
        return true;
    alertron__error(machine->arena->error, ALERTRON_ERROR_UNSUPPORTED, machine->begin,
                    "pickle protocol %u at byte %zu can't be read; save the model with protocol 2 to 5",
                    (unsigned)protocol, machine->begin);
    return false;
}

/* A frame is a hint for reading ahead; raw array data breaks it off, so only its length is looked at. */
static bool do_frame(struct machine *machine)
{
    uint64_t length;
    const unsigned char *unused;
    if (!take_count(machine, 8, &length))
        return false;
    size_t begin = machine->at;
    bool whole = alertron__machine_take_bytes(machine, length, &unused);
    machine->at = begin;
    return whole;
}

static bool do_stop(struct machine *machine)
{
    if (machine->n_marks || machine->stack.n != 1)
        return alertron__machine_malformed(machine, "an end with values left over");
    machine->stopped = true;
    return true;
}

/* --- plain values ----------------------------------------------------------------------------------- */

static bool do_empty(struct machine *machine)
{
    return push_new(machine, machine->operation->kind);
}

static bool push_integer(struct machine *machine, enum value_kind kind, int64_t integer)
{
    struct value *value = alertron__machine_new_value(machine, kind);
    if (value)
        value->as.integer = integer;
    return alertron__machine_push(machine, value);
}

static bool do_bool(struct machine *machine)
{
    return push_integer(machine, machine->operation->kind, machine->operation->size);
}

static bool do_unsigned(struct machine *machine)
{
    uint64_t bits;
    return take_count(machine, machine->operation->size, &bits) &&
           push_integer(machine, machine->operation->kind, (int64_t)bits);
}

/* The value of a two's complement number of n bytes, 1 to 8, lowest first. */
static int64_t signed_of(const unsigned char *bytes, size_t n)
{
    uint64_t bits = alertron__load_le(bytes, n);
    if (n < 8 && bytes[n - 1] & 0x80)
        return (int64_t)bits - ((int64_t)1 << (8 * n));
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool do_signed(struct machine *machine)
{
    const unsigned char *bytes;
    if (!alertron__machine_take_bytes(machine, machine->operation->size, &bytes))
        return false;
    return push_integer(machine, machine->operation->kind, signed_of(bytes, machine->operation->size));
}

static bool push_bytes(struct machine *machine, enum value_kind kind, const unsigned char *bytes, size_t n)
{
    struct value *value = alertron__machine_new_value(machine, kind);
    if (value) {
        value->as.text.bytes = bytes;
        value->as.text.n = n;
    }
    return alertron__machine_push(machine, value);
}

static bool do_counted(struct machine *machine)
{
    const unsigned char *bytes;
    size_t n;
    return alertron__machine_take_counted(machine, machine->operation->size, &bytes, &n) &&
           push_bytes(machine, machine->operation->kind, bytes, n);
}

static bool do_long1(struct machine *machine)
{
    const unsigned char *bytes;
    size_t n;
    if (!alertron__machine_take_counted(machine, 1, &bytes, &n))
        return false;
    if (n > 8)
        return push_bytes(machine, VALUE_LONG, bytes, n);
    return push_integer(machine, VALUE_INTEGER, n ? signed_of(bytes, n) : 0);
}

/* The one number that pickles hold with its highest byte first. */
static bool do_binfloat(struct machine *machine)
{
    const unsigned char *bytes;
    if (!alertron__machine_take_bytes(machine, 8, &bytes))
        return false;
    struct value *value = alertron__machine_new_value(machine, VALUE_FLOAT);
    if (!value)
        return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    value->as.number = alertron__double_of_bits(bits);
    return alertron__machine_push(machine, value);
}

/* --- containers --------------------------------------------------------------------------------------- */

static bool push_tuple(struct machine *machine, struct value **items, size_t n)
{
    struct value *tuple = alertron__machine_new_value(machine, VALUE_TUPLE);
    if (!tuple || !alertron__values_reserve(machine->arena, &tuple->as.items, n))
        return false;
    if (n)
        memcpy(tuple->as.items.items, items, n * sizeof *items);
    tuple->as.items.n = n;
    return alertron__machine_push(machine, tuple);
}

static bool do_tuple(struct machine *machine)
{
    struct value **items;
    size_t n;
    return pop_marked(machine, &items, &n) ? push_tuple(machine, items, n) : no_value(machine);
}

static bool do_short_tuple(struct machine *machine)
{
    if (machine->stack.n - stack_floor(machine) < machine->operation->size)
        return no_value(machine);
    machine->stack.n -= machine->operation->size;
    return push_tuple(machine, machine->stack.items + machine->stack.n, machine->operation->size);
}

/* Puts n values behind those of the list or dict on top of the stack. */
static bool extend(struct machine *machine, enum value_kind kind, struct value **items, size_t n)
{
    struct value *container = alertron__machine_top(machine);
    if (!container || container->kind != kind || (kind == VALUE_DICT && n % 2 != 0))
        return alertron__machine_malformed(machine,
                                           kind == VALUE_DICT ? "entries without a dict" : "items without a list");
    struct values *values = &container->as.items;
    if (!alertron__values_reserve(machine->arena, values, n))
        return false;
    if (n)
        memcpy(values->items + values->n, items, n * sizeof *items);
    values->n += n;
    return true;
}

static bool do_extend_marked(struct machine *machine)
{
    struct value **items;
    size_t n;
    return pop_marked(machine, &items, &n) ? extend(machine, machine->operation->kind, items, n) : no_value(machine);
}

static bool do_extend(struct machine *machine)
{
    if (machine->stack.n - stack_floor(machine) < machine->operation->size)
        return no_value(machine);
    machine->stack.n -= machine->operation->size;
    return extend(machine, machine->operation->kind, machine->stack.items + machine->stack.n, machine->operation->size);
}

/* --- the memo: values that are used again --------------------------------------------------------------- */

static bool put(struct machine *machine, uint64_t index)
{
    struct value *value = alertron__machine_top(machine);
    if (!value)
        return no_value(machine);
    if (index > machine->memo.n)
        return alertron__machine_malformed(machine, "a memo entry out of turn");
    if (index < machine->memo.n) {
        machine->memo.items[index] = value;
        return true;
    }
    return alertron__values_push(machine->arena, &machine->memo, value);
}

static bool do_put(struct machine *machine)
{
    uint64_t index;
    return take_count(machine, machine->operation->size, &index) && put(machine, index);
}

static bool do_get(struct machine *machine)
{
    uint64_t index;
    if (!take_count(machine, machine->operation->size, &index))
        return false;
    if (index >= machine->memo.n)
        return alertron__machine_malformed(machine, "a memo entry that was never made");
    return alertron__machine_push(machine, machine->memo.items[index]);
}

static bool do_memoize(struct machine *machine)
{
    return put(machine, machine->memo.n);
}

/* --- the machine -------------------------------------------------------------------------------------------- */

static const struct operation operations[256] = {
    ['('] = {do_mark, 0, 0},
    ['.'] = {do_stop, 0, 0},
    ['N'] = {do_empty, VALUE_NONE, 0},
    ['J'] = {do_signed, VALUE_INTEGER, 4},
    ['K'] = {do_unsigned, VALUE_INTEGER, 1},
    ['M'] = {do_unsigned, VALUE_INTEGER, 2},
    ['G'] = {do_binfloat, VALUE_FLOAT, 8},
    ['X'] = {do_counted, VALUE_TEXT, 4},
    ['B'] = {do_counted, VALUE_BYTES, 4},
    ['C'] = {do_counted, VALUE_BYTES, 1},
    [')'] = {do_empty, VALUE_TUPLE, 0},
    ['t'] = {do_tuple, VALUE_TUPLE, 0},
    [']'] = {do_empty, VALUE_LIST, 0},
    ['a'] = {do_extend, VALUE_LIST, 1},
    ['e'] = {do_extend_marked, VALUE_LIST, 0},
    ['}'] = {do_empty, VALUE_DICT, 0},
    ['s'] = {do_extend, VALUE_DICT, 2},
    ['u'] = {do_extend_marked, VALUE_DICT, 0},
    ['c'] = {alertron__machine_global, VALUE_CLASS, 0},
    ['R'] = {alertron__machine_reduce, VALUE_OBJECT, 0},
    ['b'] = {alertron__machine_build, VALUE_OBJECT, 0},
    ['q'] = {do_put, 0, 1},
    ['r'] = {do_put, 0, 4},
    ['h'] = {do_get, 0, 1},
    ['j'] = {do_get, 0, 4},
    [0x80] = {do_proto, 0, 1},
    [0x81] = {alertron__machine_newobj, VALUE_OBJECT, 0},
    [0x85] = {do_short_tuple, VALUE_TUPLE, 1},
    [0x86] = {do_short_tuple, VALUE_TUPLE, 2},
    [0x87] = {do_short_tuple, VALUE_TUPLE, 3},
    [0x88] = {do_bool, VALUE_BOOL, true},
    [0x89] = {do_bool, VALUE_BOOL, false},
    [0x8a] = {do_long1, VALUE_INTEGER, 1},
    [0x8c] = {do_counted, VALUE_TEXT, 1},
    [0x8d] = {do_counted, VALUE_TEXT, 8},
    [0x8e] = {do_counted, VALUE_BYTES, 8},
    [0x93] = {alertron__machine_stack_global, VALUE_CLASS, 0},
    [0x94] = {do_memoize, 0, 0},
    [0x95] = {do_frame, 0, 8},
    [0x96] = {do_counted, VALUE_BYTES, 8}, /* a bytearray */
};

/* What an operation that is refused would have made: a person knows that sooner than its code. */
static const char *name_of_refused(unsigned char code)
{
    switch (code) {
    case 0x8f:
    case 0x90:
    case 0x91:
        return "a set";
    case 'P':
    case 'Q':
        return "a persistent id";
    case 0x82:
    case 0x83:
    case 0x84:
        return "an extension";
    case 0x8b:
        return "a huge integer";
    case 0x97:
    case 0x98:
        return "data outside of the file";
    default:
        return "an operation";
    }
}

static bool refuse_operation(const struct machine *machine, unsigned char code)
{
    alertron__error(machine->arena->error, ALERTRON_ERROR_FORMAT, machine->begin,
                    "%s (0x%02x) at byte %zu has no place in a pickled forest: the file is damaged, or holds something "
                    "else; save the forest without it",
                    name_of_refused(code), code, machine->begin);
    return false;
}

bool alertron__machine_run(struct machine *machine)
{
    /* From the start there is a stack, if an empty one, that marks can point into. */
    if (!alertron__values_reserve(machine->arena, &machine->stack, 16))
        return false;
    while (!machine->stopped) {
        const unsigned char *code;
        machine->begin = machine->at;
        if (!alertron__machine_take_bytes(machine, 1, &code))
            return false;
        machine->operation = &operations[*code];
        if (!machine->operation->carry_out)
            return refuse_operation(machine, *code);
        if (!machine->operation->carry_out(machine))
            return false;
    }
    return true;
}

struct value *alertron__pickle_read(const unsigned char *bytes, size_t n_bytes, struct arena *arena)
{
    struct machine machine = {.bytes = bytes, .n = n_bytes, .arena = arena};
    if (!alertron__machine_run(&machine))
        return NULL;
    if (machine.at != n_bytes) {
        alertron__error(arena->error, ALERTRON_ERROR_FORMAT, machine.at,
                        "%zu bytes follow the pickle that ends at byte %zu; where a scaler and a forest were saved one "
                        "after the other, save them together: in a Pipeline, or a dict {'scaler', 'model'}",
                        n_bytes - machine.at, machine.at);
        return NULL;
    }
    return machine.stack.items[0];
}
