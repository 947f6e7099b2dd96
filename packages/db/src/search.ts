/** A bound on the stored text, so that a long description does not make every list read slow. */
export const MAX_SEARCH_TEXT = 8_000;
export const MAX_QUERY_WORDS = 10;

/** Accents of Latin, Greek and Cyrillic, points of Hebrew and Arabic: what people leave out when they search. */
const ACCENTS = new RegExp(
  [
    "[\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f]",
    "[\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7]",
    "[\\u064b-\\u065f\\u0670]",
  ].join("|"),
  "gu",
);

/** Letters that Unicode does not decompose but people write without the stroke. */
const PLAIN: Record<string, string> = {
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  æ: "ae",
  œ: "oe",
  ı: "i",
  ħ: "h",
  ŧ: "t",
};
const STROKED = new RegExp(`[${Object.keys(PLAIN).join("")}]`, "gu");

/** Scripts written without blanks between words: each character is a word of its own. */
const UNSPACED = "\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}";
const RUN = new RegExp(`(?:(?=[${UNSPACED}])[\\p{L}\\p{N}]\\p{M}*)+|(?:(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+`, "gu");
const CHARACTER = /[\p{L}\p{N}]\p{M}*/gu;
const IS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "u");

/** The text of the names and descriptions of one thing, as its row stores it in `searchText`. */
export function searchText(...texts: readonly (string | undefined)[]): string {
  const runs = texts.flatMap((text) => (text ? phrases(text.slice(0, MAX_SEARCH_TEXT)) : []));
  return runs.join("").slice(0, MAX_SEARCH_TEXT);
}

/**
 * The parts that `searchText` must contain, all of them, for a row to match: each word as the start of a word, runs of
 * Chinese, Japanese or Thai as they stand. Empty where the query holds no word at all, which then matches everything.
 */
export function searchParts(query: string | undefined): string[] {
  if (!query) return [];
  return [...new Set(phrases(query.slice(0, MAX_SEARCH_TEXT)))].slice(0, MAX_QUERY_WORDS);
}

/** Whether the stored text matches the query: the same answer as {@link searchFilter} gives in the store. */
export function matches(stored: string, query: string): boolean {
  return searchParts(query).every((part) => stored.includes(part));
}

/** For `.where((attr, op) => …)` on the query of a list; undefined where the query asks for nothing. */
export function searchFilter<A extends { searchText: unknown }>(
  query: string | undefined,
): ((attr: A, op: { contains(attr: A["searchText"], value: string): string }) => string) | undefined {
  const parts = searchParts(query);
  if (parts.length === 0) return undefined;
  return (attr, op) => parts.map((part) => op.contains(attr.searchText, part)).join(" AND ");
}

/** Each word with a blank before it, so that a search for `in` finds `inbox` and not `main`. */
function phrases(text: string): string[] {
  const runs = fold(text).match(RUN) ?? [];
  return runs.map((run) => {
    if (!IS_UNSPACED.test(run)) return ` ${run}`;
    return (run.match(CHARACTER) ?? []).map((character) => ` ${character}`).join("");
  });
}

function fold(text: string): string {
  const bare = text
    .normalize("NFKD")
    .replace(ACCENTS, "")
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replaceAll("ς", "σ");
  return bare.replace(STROKED, (letter) => PLAIN[letter] ?? letter).normalize("NFKC");
}
