/** Runs of one gate at once: a start reads them all. */
export const MAX_CONCURRENT_RUNS = 1_000;
/** Priorities reach from this below zero to this above. */
export const MAX_PRIORITY = 100;
