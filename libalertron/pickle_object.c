/* pickle_object.c: the pickle machine's classes, objects and joblib's arrays. Nothing is called or made: a value says
 * what Python would have done.
 */
#include "pickle_machine.h"

#include <string.h>

/* --- classes and objects ---------------------------------------------------------------------------------- */

static bool push_class(struct machine *machine, const unsigned char *module, size_t n_module, const unsigned char *name,
                       size_t n_name)
{
    enum class_id id;
    if (!alertron__class_find(module, n_module, name, n_name, &id)) {
        alertron__class_refuse(module, n_module, name, n_name, machine->begin, machine->arena->error);
        return false;
    }
    struct value *value = alertron__machine_new_value(machine, VALUE_CLASS);
    if (value)
        value->as.class_id = id;
    return alertron__machine_push(machine, value);
}

static bool take_line(struct machine *machine, const unsigned char **line, size_t *n)
{
    *n = 0;
    const unsigned char *begin = machine->bytes + machine->at;
    const unsigned char *end = memchr(begin, '\n', machine->n - machine->at);
    if (!end)
        return alertron__machine_take_bytes(machine, UINT64_MAX, line);
    *line = begin;
    *n = (size_t)(end - begin);
    machine->at += *n + 1;
    return true;
}

bool alertron__machine_global(struct machine *machine)
{
    const unsigned char *module, *name;
    size_t n_module, n_name;
    return take_line(machine, &module, &n_module) && take_line(machine, &name, &n_name) &&
           push_class(machine, module, n_module, name, n_name);
}

bool alertron__machine_stack_global(struct machine *machine)
{
    const struct value *name = alertron__machine_pop(machine), *module = alertron__machine_pop(machine);
    if (!name || !module || name->kind != VALUE_TEXT || module->kind != VALUE_TEXT)
        return alertron__machine_malformed(machine, "a class without a name");
    return push_class(machine, module->as.text.bytes, module->as.text.n, name->as.text.bytes, name->as.text.n);
}

static bool push_encoded(struct machine *machine, const struct values *arguments)
{
    struct value *text = arguments->n == 2 ? arguments->items[0] : NULL;
    if (!text || text->kind != VALUE_TEXT || !alertron__value_is_text(arguments->items[1], "latin1"))
        return alertron__machine_malformed(machine, "an encoding that no array has");
    return alertron__machine_push(machine, alertron__value_latin1(machine->arena, text, machine->begin));
}

static bool push_object(struct machine *machine, bool (*allowed)(enum class_id id))
{
    struct value *arguments = alertron__machine_pop(machine), *callable = alertron__machine_pop(machine);
    if (!arguments || !callable || arguments->kind != VALUE_TUPLE || callable->kind != VALUE_CLASS ||
        !allowed(callable->as.class_id))
        return alertron__machine_malformed(machine, "an object that can't be made");
    if (callable->as.class_id == CLASS_ENCODE)
        return push_encoded(machine, &arguments->as.items);
    struct value *object = alertron__machine_new_value(machine, VALUE_OBJECT);
    if (object) {
        object->as.object.callable = callable;
        object->as.object.arguments = arguments;
    }
    return alertron__machine_push(machine, object);
}

bool alertron__machine_reduce(struct machine *machine)
{
    return push_object(machine, alertron__class_is_called);
}

bool alertron__machine_newobj(struct machine *machine)
{
    return push_object(machine, alertron__class_is_instanced);
}

/* --- joblib's arrays: the data follows the wrapper's BUILD ------------------------------------------------ */

/* An array of objects is a pickle of its own, in place of data. */
static bool read_object_array(struct machine *machine, struct value **value)
{
    struct machine inner = {.bytes = machine->bytes,
                            .n = machine->n,
                            .at = machine->at,
                            .start = machine->at,
                            .arena = machine->arena,
                            .embedded = true};
    if (!alertron__machine_run(&inner))
        return false;
    machine->at = inner.at;
    *value = inner.stack.items[0];
    return true;
}

/* From joblib 1.2 on a byte says how many filling bytes precede the data. */
static bool skip_alignment(struct machine *machine, const struct value *state)
{
    const struct value *alignment = alertron__value_get(state, "numpy_array_alignment_bytes");
    if (!alignment || alignment->kind == VALUE_NONE)
        return true;
    const unsigned char *filling;
    size_t n;
    if (!alertron__machine_take_counted(machine, 1, &filling, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (filling[i] != 0xff)
            return alertron__machine_malformed(machine, "an array whose data is not where it should be");
    return true;
}

static bool read_wrapped_array(struct machine *machine, const struct value *state, struct value **value)
{
    struct array array;
    struct value *made = alertron__machine_new_value(machine, VALUE_ARRAY);
    if (!made)
        return false;
    made->as.array.state = state;
    if (alertron__array_of(made, "an array", &array, machine->arena->error) != ALERTRON_OK)
        return false;
    if (array.dtype.kind == 'O')
        return read_object_array(machine, value);
    if (!skip_alignment(machine, state))
        return false;
    if (array.n > SIZE_MAX / array.dtype.size)
        return alertron__machine_malformed(machine, "an array of impossible size");
    made->offset = machine->at;
    made->as.array.n_bytes = array.n * array.dtype.size;
    *value = made;
    return alertron__machine_take_bytes(machine, made->as.array.n_bytes, &made->as.array.data);
}

bool alertron__machine_build(struct machine *machine)
{
    struct value *state = alertron__machine_pop(machine), *object = alertron__machine_top(machine);
    if (!state || !object || object->kind != VALUE_OBJECT || object->as.object.state)
        return alertron__machine_malformed(machine, "a state without its object");
    object->as.object.state = state;
    if (alertron__value_class(object) != CLASS_ARRAY_WRAPPER)
        return true;
    if (machine->embedded)
        return alertron__machine_malformed(machine, "an array of joblib's in a pickle that joblib didn't write");
    return read_wrapped_array(machine, state, &machine->stack.items[machine->stack.n - 1]);
}
