/** Nodes of a canvas at every depth together (architecture §3). */
export const MAX_NODES = 2_000;
/** Edges at every depth together: five for each node leaves room for wide forks and joins. */
export const MAX_EDGES = 10_000;
/** Composites inside composites. The runner allows frames and composites together 10 deep (architecture §3). */
export const MAX_NESTING = 8;
/** Levels of lists and objects in a canvas's JSON: eight bodies of five levels each, and deep types and literals. */
export const MAX_JSON_DEPTH = 120;
/** Characters of one string: prompts, code, templates, Coze's JSON inside JSON. */
export const MAX_STRING = 400_000;
/** Characters of all keys and strings of a canvas: what fits a request body (architecture §6). */
export const MAX_CANVAS_CHARS = 4 * 1024 * 1024;
/** Inputs, outputs or fields of one node. */
export const MAX_FIELDS = 200;
/** Begins the id of a credential that an import could not bind: it keeps its place until one is chosen. */
export const UNBOUND_CREDENTIAL = "unbound:";
/** Problems reported at once; what is beyond is found by the next check. */
export const MAX_ISSUES = 200;

/** Tries after the first (policy). */
export const MAX_RETRIES = 10;
/** One day: the longest a single node may be given. Longer waits are wait nodes. */
export const MAX_NODE_TIMEOUT_MS = 86_400_000;
/** The longest pause between two tries. */
export const MAX_RETRY_DELAY_MS = 3_600_000;
/** A pause of this length does not hold a process: the run waits for it as for a wait node. */
export const DURABLE_PAUSE_MS = 30_000;
/** Rules of one node on what is tried again, and codes that one names. */
export const MAX_RETRY_RULES = 20;
export const MAX_RETRY_CODES = 50;
/** Time kept free for one effect in a process: what takes longer is begun anyway, or it would never be. */
export const MAX_TIME_KEPT_MS = 600_000;
/** One year: the longest a wait or a question lasts (architecture §3). */
export const MAX_WAIT_MS = 31_536_000_000;

/** Iterations of one batch or counted loop, and the bound of an infinite one. */
export const MAX_ITERATIONS = 1_000_000;
/** Turns of a batch that run side by side (architecture §3). */
export const MAX_CONCURRENCY = 50;
/** What Coze runs at once where the canvas says 0. */
export const DEFAULT_CONCURRENCY = 10;
/** What Coze takes of a list where the canvas says 0. */
export const COZE_BATCH_SIZE = 100;

/** The longest an HTTP node waits where nothing else is said (Coze's front end). */
export const HTTP_TIMEOUT_MS = 60_000;
/** Bytes of a response body that a node may hold: what a step's state carries without trouble. */
export const HTTP_MAX_BYTES = 4 * 1024 * 1024;
/** Bytes of all files of one form (Coze). */
export const HTTP_FORM_MAX_BYTES = 20 * 1024 * 1024;
/** Options of a question with dynamic options: letters A to Z (Coze). */
export const MAX_OPTIONS = 26;

/** Items that a list node takes or gives: what fits a step's memory with room for a copy. */
export const MAX_ITEMS = 100_000;
/** Rules, conditions, keys or fields that one list node may name. */
export const MAX_RULES = 100;
/** Characters of a regular expression. They run in linear time, but compile to programs of their own size. */
export const MAX_PATTERN = 1_000;
/** Characters or bytes that a node parses, packs or writes in one go. */
export const MAX_DATA_BYTES = 16 * 1024 * 1024;
/** Bytes that packed data may become: a bomb ends here. */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
/** Characters of an HTML, Markdown or XML text that is parsed. */
export const MAX_MARKUP = 5 * 1024 * 1024;
/** Elements inside elements. Browsers stop at 512; what people write stays below 50. */
export const MAX_MARKUP_DEPTH = 256;
/** Nodes of a parsed document. */
export const MAX_MARKUP_NODES = 500_000;
/** Cells of one table that is read or written. */
export const MAX_CELLS = 1_000_000;
/** Columns of a table: what Excel allows. */
export const MAX_COLUMNS = 16_384;
/** Entries of one archive. */
export const MAX_ARCHIVE_ENTRIES = 1_000;
