#include "kafka.h"
enum kafka_transaction { KAFKA_TRANSACTION_DONE, KAFKA_TRANSACTION_ABORTED, KAFKA_TRANSACTION_RETRY, KAFKA_TRANSACTION_FATAL };
struct kafka_offset { int32_t partition; int64_t offset; };
static inline enum kafka_transaction kafka_transaction_init(struct kafka_producer *p, int t){(void)p;(void)t;return KAFKA_TRANSACTION_FATAL;}
static inline bool kafka_transaction_begin(struct kafka_producer *p){(void)p;return false;}
static inline enum kafka_transaction kafka_transaction_commit(struct kafka_producer *p, struct kafka_consumer *c, const struct kafka_offset *o, size_t n, int t){(void)p;(void)c;(void)o;(void)n;(void)t;return KAFKA_TRANSACTION_FATAL;}
static inline enum kafka_transaction kafka_transaction_abort(struct kafka_producer *p, int t){(void)p;(void)t;return KAFKA_TRANSACTION_FATAL;}
static inline bool kafka_consumer_rewind(struct kafka_consumer *p, int t){(void)p;(void)t;return true;}
