/** Subjects longer than this are refused: matching in a backtracking engine is not bounded otherwise. */
const MAX_SUBJECT = 262_144;
/** With a quantifier inside a quantified group the work can double with every character. */
const MAX_SUBJECT_WHEN_NESTED = 24;
const QUANTIFIER = /^(?:[*+?]|\{\d+(?:,\d*)?\})/;

/** True when a group that holds a quantifier or an alternative is itself repeated, or the pattern refers back. */
function canExplode(source: string): boolean {
  const open: { hasInner: boolean }[] = [];
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === "\\") {
      if (/[1-9k]/.test(source[i + 1] ?? "")) return true;
      i++;
    } else if (char === "[") {
      while (++i < source.length && source[i] !== "]") if (source[i] === "\\") i++;
    } else if (char === "(") open.push({ hasInner: false });
    else if (char === "|") for (const group of open) group.hasInner = true;
    else if (char === ")") {
      const group = open.pop();
      if (group?.hasInner && QUANTIFIER.test(source.slice(i + 1)) && source[i + 1] !== "?") return true;
    } else if (QUANTIFIER.test(source.slice(i)) && source[i - 1] !== "(")
      for (const group of open) group.hasInner = true;
  }
  return false;
}

/** RegExp for JSONata whose work is bounded by refusing subjects that are too long for its pattern. */
export class BoundedRegExp extends RegExp {
  readonly #limit: number;
  constructor(pattern: RegExp | string, flags?: string) {
    super(pattern, flags);
    this.#limit = canExplode(this.source) ? MAX_SUBJECT_WHEN_NESTED : MAX_SUBJECT;
  }
  override exec(subject: string): RegExpExecArray | null {
    if (subject.length > this.#limit) {
      throw { code: "D1012", message: `The text is too long (over ${this.#limit}) for the pattern /${this.source}/` };
    }
    return super.exec(subject);
  }
}
