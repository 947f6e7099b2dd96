/** Characters of one expression or template. */
export const MAX_EXPRESSION = 100_000;
/** Steps of one evaluation; a million take about a second. Steps and not only time: the same work must not fail because the machine is busy. */
export const MAX_STEPS = 1_000_000;
/** Milliseconds that one evaluation may hold the thread: for the few operations whose steps are long. */
export const MAX_MS = 10_000;
/** Nested calls in an expression. */
export const MAX_CALL_DEPTH = 400;
/** Items of a list that an expression builds. */
export const MAX_SEQUENCE = 1_000_000;
/** Characters and members of a value that an expression holds, shared parts counted each time they are seen. */
export const MAX_SIZE = 16 * 1024 * 1024;
/** Levels of a value that goes into or comes out of an expression. */
export const MAX_DEPTH = 500;
/** Compiled expressions kept for the next run. */
export const MAX_CACHED = 5_000;
