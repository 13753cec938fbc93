/* check.c: what is wanted of a model on rows, and whether it is so. Kinds that rank rows are in ranking.c, those that
 * change a feature in along.c. */
#include "check.h"

/* --- numbers for a person --------------------------------------------------------------------------------------- */

enum { DECIMALS_MAX = 15 };

static double power_of_ten(unsigned exponent)
{
    double power = 1.0;
    while (exponent-- > 0)
        power *= 10.0;
    return power;
}

/* With at most so many decimals, and no zeros at their end. */
static struct number_text fixed(double value, unsigned decimals)
{
    struct number_text text = {.n = 0};
    const double size = value < 0.0 ? -value : value, scale = power_of_ten(decimals);
    if (!(size * scale < 1e18)) {
        text.bytes[alertron__number_text(value, text.bytes)] = 0;
        return text;
    }
    uint64_t digits = (uint64_t)(size * scale + 0.5), unit = (uint64_t)scale;
    if (value < 0.0 && digits > 0)
        text.bytes[text.n++] = '-';
    text.n += alertron__integer_text(digits / unit, text.bytes + text.n);
    digits %= unit;
    if (digits > 0)
        text.bytes[text.n++] = '.';
    for (; digits > 0; digits %= unit) {
        unit /= 10;
        text.bytes[text.n++] = (char)('0' + digits / unit);
    }
    text.bytes[text.n] = 0;
    return text;
}

struct number_text alertron__number_beside(double value, double bound, unsigned decimals)
{
    for (; decimals < DECIMALS_MAX; decimals++) {
        const double scale = power_of_ten(decimals);
        if (!(value >= 0.0 && value < 1e3))
            break;
        const double rounded = (double)(uint64_t)(value * scale + 0.5) / scale;
        if ((rounded < bound) == (value < bound) && (rounded > bound) == (value > bound))
            return fixed(value, decimals);
    }
    struct number_text text = {.n = alertron__number_text(value, text.bytes)};
    text.bytes[text.n] = 0;
    return text;
}

struct number_text alertron__number_shown(double value)
{
    return alertron__number_beside(value, value, DECIMALS_MAX);
}

static struct number_text percent(double share, double bound)
{
    struct number_text text = alertron__number_beside(100.0 * share, 100.0 * bound, 2);
    text.bytes[text.n++] = '%';
    text.bytes[text.n] = 0;
    return text;
}

struct name_text alertron__feature_shown(const alertron_model *model, size_t feature)
{
    struct name_text text;
    const char *name = alertron_model_feature_name(model, feature);
    if (!name || !*name) {
        alertron__text(text.bytes, sizeof text.bytes, "feature %zu", feature);
        return text;
    }
    alertron__text(text.bytes, sizeof text.bytes, "%s", name);
    /* Not within a character. */
    size_t n = strlen(text.bytes);
    if (name[n])
        while (n > 0 && (name[n] & 0xc0) == 0x80)
            n--;
    text.bytes[n] = 0;
    for (char *at = text.bytes; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return text;
}

/* --- what every kind needs ---------------------------------------------------------------------------------------- */

alertron_status alertron__check_refuse(const struct checking *checking, const char *why)
{
    return alertron__error(checking->error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET, "%s", why);
}

alertron_status alertron__check_spend(struct checking *checking, uint64_t times, uint64_t nodes)
{
    if (times > *checking->work / nodes) {
        *checking->work = 0;
        return alertron__error(
            checking->error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
            "checking this takes as long as visiting %u nodes of trees, or longer: have fewer or smaller tests carried",
            ALERTRON_TESTS_WORK_MAX);
    }
    *checking->work -= times * nodes;
    return ALERTRON_OK;
}

uint64_t alertron__check_row_nodes(const alertron_model *model)
{
    uint64_t nodes = 0;
    for (uint32_t tree = 0; tree < model->forest->n_trees; tree++)
        nodes += model->forest->depths[tree];
    /* Positions are looked for in every segment, feature by feature; or a row is looked through for NaN, and nodes lie
     * farther apart. */
    const uint64_t numbers = model->forest->n_features;
    return model->forest->kernel ? nodes + 8 * numbers * model->forest->n_segments : 2 * nodes + numbers;
}

/* Scores of all rows; a row without one is refused. */
static alertron_status score_all(struct checking *checking, const alertron_model *model, double *scores)
{
    const alertron_rows *rows = &checking->check->rows;
    alertron_status status = alertron__check_spend(checking, rows->rows, alertron__check_row_nodes(model));
    if (status != ALERTRON_OK)
        return status;
    alertron_model_score_rows(model, rows, scores);
    for (size_t row = 0; row < rows->rows; row++)
        if (scores[row] != scores[row])
            return alertron__error(checking->error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                   "row %zu has no score: a number is missing there, and the model takes none that "
                                   "are missing; leave the row out",
                                   row);
    return ALERTRON_OK;
}

static bool holds(const alertron_check *check, double figure)
{
    if (check->relation == ALERTRON_AT_LEAST)
        return figure >= check->bound;
    if (check->relation == ALERTRON_AT_MOST)
        return figure <= check->bound;
    return figure - check->bound <= check->tolerance && check->bound - figure <= check->tolerance;
}

static const char *relation_text(alertron_relation relation)
{
    return relation == ALERTRON_AT_LEAST ? "at least " : relation == ALERTRON_AT_MOST ? "at most " : "";
}

static void show_row(struct checking *checking, size_t row)
{
    checking->result->row = row;
    checking->result->score =
        row == ALERTRON_NO_ROW ? alertron__double_of_bits(0x7ff8000000000000u) : checking->scores[row];
}

/* Ends a check of one figure: `before` and `after` are what stands around it in the text. */
static void conclude(struct checking *checking, double figure, bool share, const char *before, const char *after)
{
    const alertron_check *check = checking->check;
    alertron_check_result *result = checking->result;
    result->figure = figure;
    result->passed = holds(check, figure);
    const struct number_text found =
        share ? percent(figure, check->bound) : alertron__number_beside(figure, check->bound, 4);
    size_t n = alertron__text(result->text, sizeof result->text, "%s%s%s", before, found.bytes, after);
    if (result->passed)
        return;
    const struct number_text bound = share ? fixed(100.0 * check->bound, 9) : alertron__number_shown(check->bound);
    alertron__text(result->text + n, sizeof result->text - n, "; %s%s%s was wanted", relation_text(check->relation),
                   bound.bytes, share ? "%" : "");
}

/* --- severity and score ------------------------------------------------------------------------------------------- */

/* How many bands a severity is off; 0 where it is as wanted. */
static int bands_off(const alertron_check *check, alertron_severity severity)
{
    const int over = (int)severity - (int)check->severity;
    if (check->relation == ALERTRON_AT_LEAST)
        return over < 0 ? -over : 0;
    if (check->relation == ALERTRON_AT_MOST)
        return over > 0 ? over : 0;
    return over < 0 ? -over : over;
}

/* Decimals of a number that may be off by so much, and at least 4. */
static unsigned decimals_within(double tolerance)
{
    unsigned decimals = 4;
    while (decimals < DECIMALS_MAX && power_of_ten(decimals) * tolerance < 1.0)
        decimals++;
    return decimals;
}

/* "score 0.41 of row 3" */
static size_t text_score(struct checking *checking, double bound)
{
    alertron_check_result *result = checking->result;
    const bool exact = checking->check->kind == ALERTRON_CHECK_SCORE && checking->check->relation == ALERTRON_IS;
    const unsigned decimals = exact ? decimals_within(checking->check->tolerance) : 4;
    size_t n = alertron__text(result->text, sizeof result->text, "score %s",
                              alertron__number_beside(result->score, bound, decimals).bytes);
    if (checking->check->rows.rows > 1)
        n += alertron__text(result->text + n, sizeof result->text - n, " of row %zu", result->row);
    return n;
}

static void text_missed(struct checking *checking, size_t n, size_t missed)
{
    alertron_check_result *result = checking->result;
    if (checking->check->rows.rows > 1 && !result->passed)
        alertron__text(result->text + n, sizeof result->text - n, "; so it is in %zu of %zu rows", missed,
                       checking->check->rows.rows);
}

/* The row that is most off; of those, or where none is off, the one whose score is. */
static alertron_status check_severity(struct checking *checking)
{
    const alertron_check *check = checking->check;
    alertron_check_result *result = checking->result;
    const bool low_is_worse = check->relation == ALERTRON_AT_LEAST ||
                              (check->relation == ALERTRON_IS && check->severity == ALERTRON_SEVERITY_HIGH);
    size_t worst = 0, missed = 0;
    int most_off = -1;
    for (size_t row = 0; row < check->rows.rows; row++) {
        const int off = bands_off(check, alertron_model_severity(checking->model, checking->scores[row]));
        const double score = checking->scores[row], shown = checking->scores[worst];
        missed += off > 0;
        if (off > most_off || (off == most_off && (low_is_worse ? score < shown : score > shown)))
            worst = row;
        most_off = off > most_off ? off : most_off;
    }
    result->passed = missed == 0;
    show_row(checking, worst);
    result->figure = result->score;
    const alertron_cuts *cuts = &checking->model->cuts;
    size_t n = text_score(checking, cuts->threshold);
    n += alertron__text(result->text + n, sizeof result->text - n, " is %s",
                        alertron_severity_name(alertron_model_severity(checking->model, result->score)));
    if (!result->passed)
        n += alertron__text(result->text + n, sizeof result->text - n, "; %s%s was wanted",
                            relation_text(check->relation), alertron_severity_name(check->severity));
    text_missed(checking, n, missed);
    return ALERTRON_OK;
}

/* How far a score is beyond its bound; less than 0: so far within. */
static double score_off(const alertron_check *check, double score, double wanted)
{
    if (check->relation == ALERTRON_AT_LEAST)
        return wanted - score;
    if (check->relation == ALERTRON_AT_MOST)
        return score - wanted;
    return (score < wanted ? wanted - score : score - wanted) - check->tolerance;
}

static alertron_status check_score(struct checking *checking)
{
    alertron_check check = *checking->check;
    alertron_check_result *result = checking->result;
    size_t worst = 0, missed = 0;
    double most_off = -alertron__infinity(), bound = check.bound;
    for (size_t row = 0; row < check.rows.rows; row++) {
        const double wanted = check.scores ? check.scores[row] : check.bound;
        if (wanted != wanted)
            return alertron__error(checking->error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                                   "the score that is wanted of row %zu is not a number", row);
        check.bound = wanted;
        missed += !holds(&check, checking->scores[row]);
        const double off = score_off(&check, checking->scores[row], wanted);
        if (off > most_off) {
            most_off = off;
            bound = wanted;
            worst = row;
        }
    }
    result->passed = missed == 0;
    show_row(checking, worst);
    result->figure = result->score;
    size_t n = text_score(checking, bound);
    if (!result->passed)
        n += alertron__text(result->text + n, sizeof result->text - n, "; %s%s was wanted",
                            relation_text(check.relation), alertron__number_shown(bound).bytes);
    if (!result->passed && check.relation == ALERTRON_IS)
        n += alertron__text(result->text + n, sizeof result->text - n, ", within %s",
                            alertron__number_shown(check.tolerance).bytes);
    text_missed(checking, n, missed);
    return ALERTRON_OK;
}

/* --- shares of rows ------------------------------------------------------------------------------------------------
 */

/* Of too many alarms the highest score shows most, of too few the highest one that is no alarm. */
static alertron_status check_alarm_rate(struct checking *checking)
{
    const alertron_check *check = checking->check;
    const alertron_severity least = check->severity == ALERTRON_SEVERITY_NONE ? ALERTRON_SEVERITY_LOW : check->severity;
    size_t alarms = 0, shown = ALERTRON_NO_ROW;
    for (size_t row = 0; row < check->rows.rows; row++) {
        const double score = checking->scores[row];
        const bool alarm = alertron_model_severity(checking->model, score) >= least;
        alarms += alarm;
        if (!(alarm && check->relation == ALERTRON_AT_LEAST) &&
            (shown == ALERTRON_NO_ROW || score > checking->scores[shown]))
            shown = row;
    }
    show_row(checking, shown);
    char before[64], after[64];
    if (least == ALERTRON_SEVERITY_LOW)
        alertron__text(before, sizeof before, "alarms on ");
    else
        alertron__text(before, sizeof before, "alarms of at least %s on ", alertron_severity_name(least));
    alertron__text(after, sizeof after, " of %zu rows", check->rows.rows);
    conclude(checking, (double)alarms / (double)check->rows.rows, true, before, after);
    return ALERTRON_OK;
}

static alertron_status check_agreement(struct checking *checking)
{
    const alertron_check *check = checking->check;
    const size_t n = check->rows.rows;
    double *others = alertron__new(checking->allocator, n, sizeof *others);
    if (!others)
        return alertron__error_memory(checking->error);
    alertron_status status = score_all(checking, check->other, others);
    size_t agreed = 0, shown = ALERTRON_NO_ROW;
    double farthest = -1.0;
    for (size_t row = 0; status == ALERTRON_OK && row < n; row++) {
        const double score = checking->scores[row], other = others[row];
        const double apart = score < other ? other - score : score - other;
        const bool same = (score > checking->model->cuts.threshold) == (other > check->other->cuts.threshold);
        agreed += same;
        if (!same && apart > farthest) {
            farthest = apart;
            shown = row;
        }
    }
    if (status == ALERTRON_OK) {
        char after[128];
        size_t end = alertron__text(after, sizeof after, " of %zu rows", n);
        if (shown != ALERTRON_NO_ROW)
            alertron__text(after + end, sizeof after - end, "; row %zu scores %s here and %s there", shown,
                           alertron__number_beside(checking->scores[shown], checking->model->cuts.threshold, 4).bytes,
                           alertron__number_beside(others[shown], check->other->cuts.threshold, 4).bytes);
        show_row(checking, shown);
        conclude(checking, (double)agreed / (double)n, true, "the models agree on ", after);
    }
    alertron__release(checking->allocator, others, n, sizeof *others);
    return status;
}

/* --- duration ------------------------------------------------------------------------------------------------------
 */

enum { ROUNDS = 7, ROUND_ROWS_MAX = 1 << 20 };
#define ROUND_SECONDS 0.002

static double seconds_of(struct checking *checking, const alertron_model *model, unsigned repeats)
{
    const alertron_clock *clock = &checking->check->clock;
    const double begin = clock->seconds(clock->context);
    for (unsigned i = 0; i < repeats; i++)
        alertron_model_score_rows(model, &checking->check->rows, checking->scores);
    return clock->seconds(clock->context) - begin;
}

/* Rows are scored again and again until a round takes long enough for the clock. */
static alertron_status check_duration(struct checking *checking)
{
    const alertron_model *other = checking->check->other;
    unsigned repeats = 1;
    while (!(seconds_of(checking, other, repeats) >= ROUND_SECONDS))
        if ((repeats *= 2) > 1 + ROUND_ROWS_MAX / checking->check->rows.rows)
            return alertron__check_refuse(checking, "the clock stands still while rows are scored: give one that "
                                                    "runs, and more rows");
    double least = alertron__infinity(), least_other = alertron__infinity();
    for (int round = 0; round < ROUNDS; round++) {
        const double own = seconds_of(checking, checking->model, repeats),
                     others = seconds_of(checking, other, repeats);
        least = own < least ? own : least;
        least_other = others < least_other ? others : least_other;
    }
    if (!(least >= 0.0 && least_other > 0.0))
        return alertron__check_refuse(checking, "the clock goes back: give one that does not (a monotonic clock)");
    show_row(checking, ALERTRON_NO_ROW);
    conclude(checking, least / least_other, true, "takes ", " of the other model's time");
    return ALERTRON_OK;
}

/* --- rankings ------------------------------------------------------------------------------------------------------
 */

/* The anomaly that is missed most shows it. */
static alertron_status check_ranking(struct checking *checking)
{
    const alertron_check *check = checking->check;
    size_t shown = ALERTRON_NO_ROW;
    for (size_t row = 0; row < check->rows.rows; row++)
        if (check->labels[row] && (shown == ALERTRON_NO_ROW || checking->scores[row] < checking->scores[shown]))
            shown = row;
    show_row(checking, shown);
    double figure = 0.0;
    alertron_status status = alertron__ranking(checking, &figure);
    if (status != ALERTRON_OK)
        return status;
    if (check->kind == ALERTRON_CHECK_AUROC) {
        conclude(checking, figure, false, "AUROC ", "");
    } else if (check->kind == ALERTRON_CHECK_AVERAGE_PRECISION) {
        conclude(checking, figure, false, "average precision ", "");
    } else if (check->alarm_rate > 0.0) {
        char after[64];
        alertron__text(after, sizeof after, " at an alarm rate of %s%%", fixed(100.0 * check->alarm_rate, 9).bytes);
        conclude(checking, figure, true, "recall ", after);
    } else {
        conclude(checking, figure, true, "recall ", " at the model's threshold");
    }
    return ALERTRON_OK;
}

/* --- any check ------------------------------------------------------------------------------------------------------
 */

/* What a kind takes from a check. */
enum { USES_SEVERITY = 1, USES_BOUND = 2, USES_LABELS = 4, USES_FEATURE = 8, USES_OTHER = 16, USES_CLOCK = 32 };

static const struct {
    unsigned uses;
    alertron_status (*make)(struct checking *checking);
} kinds[] = {
    [ALERTRON_CHECK_SEVERITY] = {USES_SEVERITY, check_severity},
    [ALERTRON_CHECK_SCORE] = {USES_BOUND, check_score},
    [ALERTRON_CHECK_ALARM_RATE] = {USES_SEVERITY | USES_BOUND, check_alarm_rate},
    [ALERTRON_CHECK_AUROC] = {USES_BOUND | USES_LABELS, check_ranking},
    [ALERTRON_CHECK_AVERAGE_PRECISION] = {USES_BOUND | USES_LABELS, check_ranking},
    [ALERTRON_CHECK_RECALL] = {USES_BOUND | USES_LABELS, check_ranking},
    [ALERTRON_CHECK_MONOTONE] = {USES_FEATURE, alertron__check_along},
    [ALERTRON_CHECK_INVARIANCE] = {USES_FEATURE, alertron__check_along},
    [ALERTRON_CHECK_AGREEMENT] = {USES_BOUND | USES_OTHER, check_agreement},
    [ALERTRON_CHECK_DURATION] = {USES_BOUND | USES_OTHER | USES_CLOCK, check_duration},
};

/* What is wrong with the check itself; NULL where nothing is. */
static const char *fault_of(const alertron_check *check, const alertron_model *model)
{
    const unsigned uses = kinds[check->kind].uses;
    const size_t width = model->forest->n_features;
    if ((unsigned)check->relation > ALERTRON_AT_MOST || (unsigned)check->direction > ALERTRON_FALLING ||
        (unsigned)check->severity > ALERTRON_SEVERITY_HIGH)
        return "the check's relation, severity or direction is none of those in alertron.h";
    if (check->rows.rows == 0)
        return "there is no row to check";
    if (uses & USES_BOUND && check->bound != check->bound)
        return "the check's bound is not a number";
    if (!(check->tolerance >= 0.0))
        return "the check's tolerance is not a number of at least 0";
    if (uses & USES_LABELS && !check->labels)
        return "the check needs labels, one a row";
    if (uses & USES_LABELS && !(check->alarm_rate >= 0.0 && check->alarm_rate <= 1.0))
        return "the alarm rate is not a share between 0 and 1";
    if (uses & USES_FEATURE && check->feature >= width && check->feature != ALERTRON_EVERY_FEATURE)
        return "the check's feature is not one of the model's";
    if (uses & USES_OTHER && !check->other)
        return "the check needs another model";
    if (uses & USES_OTHER && check->other->forest->n_features != width)
        return "the other model has another number of features";
    if (uses & USES_CLOCK && !check->clock.seconds)
        return "the check needs a clock";
    return NULL;
}

alertron_status alertron__model_check(const alertron_model *model, const alertron_check *check, uint64_t *work,
                                      alertron_check_result *result, const alertron_allocator *allocator,
                                      alertron_error *error)
{
    alertron_check_result made = {.row = ALERTRON_NO_ROW, .feature = ALERTRON_NO_FEATURE};
    struct checking checking = {
        .model = model, .check = check, .result = &made, .work = work, .allocator = allocator, .error = error};
    if ((unsigned)check->kind >= sizeof kinds / sizeof *kinds)
        return alertron__check_refuse(&checking, "the check's kind is none of those in alertron.h");
    const char *fault = fault_of(check, model);
    if (fault)
        return alertron__check_refuse(&checking, fault);
    if (check->rows.width != model->forest->n_features)
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                               "rows of %zu numbers; the model has %u features", check->rows.width,
                               model->forest->n_features);
    checking.scores = alertron__new(allocator, check->rows.rows, sizeof *checking.scores);
    if (!checking.scores)
        return alertron__error_memory(error);
    alertron_status status = score_all(&checking, model, checking.scores);
    if (status == ALERTRON_OK)
        status = kinds[check->kind].make(&checking);
    alertron__release(allocator, checking.scores, check->rows.rows, sizeof *checking.scores);
    if (status == ALERTRON_OK)
        *result = made;
    return status;
}

alertron_status alertron_model_check(const alertron_model *model, const alertron_check *check,
                                     alertron_check_result *result, const alertron_allocator *allocator,
                                     alertron_error *error)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    uint64_t work = UINT64_MAX;
    return alertron__model_check(model, check, &work, result, &memory, error);
}
