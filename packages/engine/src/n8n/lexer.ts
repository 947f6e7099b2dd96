import { type Script, Untranslatable } from "./ast.ts";

/** A word of a script. */
export interface Token {
  type: "number" | "string" | "name" | "mark" | "regex" | "template" | "end";
  text: string;
  flags?: string;
  parts?: Script[];
}

const MARKS = [
  "===",
  "!==",
  "...",
  "**",
  "=>",
  "==",
  "!=",
  "<=",
  ">=",
  "&&",
  "||",
  "??",
  "?.",
  ..."+-*/%<>!?:,.()[]{};=",
];
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", "0": "\0" };

/** Cuts a script into words. What stands inside template texts is read by `parse`. */
export class Lexer {
  readonly #text: string;
  readonly #parse: (text: string) => Script;
  #at = 0;
  #isValue = false;

  constructor(text: string, parse: (text: string) => Script) {
    this.#text = text;
    this.#parse = parse;
  }

  next(): Token {
    this.#skip();
    const token = this.#read();
    this.#isValue =
      token.type !== "mark" ? token.type !== "end" : token.text === ")" || token.text === "]" || token.text === "}";
    return token;
  }

  #skip(): void {
    for (;;) {
      while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
      if (this.#text.startsWith("//", this.#at)) {
        const line = this.#text.indexOf("\n", this.#at);
        this.#at = line < 0 ? this.#text.length : line;
      } else if (this.#text.startsWith("/*", this.#at)) {
        const close = this.#text.indexOf("*/", this.#at + 2);
        this.#at = close < 0 ? this.#text.length : close + 2;
      } else return;
    }
  }

  #read(): Token {
    const char = this.#text[this.#at];
    if (char === undefined) return { type: "end", text: "the end" };
    if (char === '"' || char === "'") return { type: "string", text: this.#string(char) };
    if (char === "`") return this.#template();
    if (/[0-9]/.test(char) || (char === "." && /[0-9]/.test(this.#text[this.#at + 1] ?? ""))) return this.#number();
    if (/[\p{L}_$]/u.test(char)) return { type: "name", text: this.#take(/[\p{L}\p{N}_$]/u) };
    if (char === "/" && !this.#isValue) return this.#regex();
    const mark = MARKS.find((one) => this.#text.startsWith(one, this.#at));
    if (mark === undefined) throw new Untranslatable(`"${char}" has no meaning here`);
    this.#at += mark.length;
    return { type: "mark", text: mark };
  }

  #take(allowed: RegExp): string {
    const from = this.#at;
    while (this.#at < this.#text.length && allowed.test(this.#text[this.#at] ?? "")) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  #number(): Token {
    const found = /^(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i.exec(this.#text.slice(this.#at, this.#at + 64));
    const digits = found?.[0] ?? "0";
    this.#at += digits.length;
    return { type: "number", text: digits };
  }

  #escape(): string {
    const char = this.#text[this.#at++] ?? "";
    if (char === "u" || char === "x") {
      const length = char === "u" ? 4 : 2;
      const code = Number.parseInt(this.#text.slice(this.#at, this.#at + length), 16);
      if (Number.isNaN(code)) throw new Untranslatable("a text has an escape that cannot be read");
      this.#at += length;
      return String.fromCharCode(code);
    }
    return Object.hasOwn(ESCAPES, char) ? (ESCAPES[char] ?? "") : char === "\n" ? "" : char;
  }

  #string(quote: string): string {
    let text = "";
    this.#at++;
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined) throw new Untranslatable("a text does not end");
      if (char === quote) return text;
      text += char === "\\" ? this.#escape() : char;
    }
  }

  #template(): Token {
    const parts: Script[] = [];
    let text = "";
    this.#at++;
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined) throw new Untranslatable("a text does not end");
      if (char === "`") break;
      if (char === "\\") text += this.#escape();
      else if (char === "$" && this.#text[this.#at] === "{") {
        const close = this.#closing(this.#at + 1);
        parts.push({ kind: "literal", value: text }, this.#parse(this.#text.slice(this.#at + 1, close)));
        text = "";
        this.#at = close + 1;
      } else text += char;
    }
    parts.push({ kind: "literal", value: text });
    return { type: "template", text: "", parts };
  }

  #closing(from: number): number {
    let depth = 0;
    for (let at = from; at < this.#text.length; at++) {
      if (this.#text[at] === "{") depth++;
      else if (this.#text[at] === "}" && depth-- === 0) return at;
    }
    throw new Untranslatable("a text does not end");
  }

  #regex(): Token {
    const from = ++this.#at;
    let inClass = false;
    for (; ; this.#at++) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n") throw new Untranslatable("a regular expression does not end");
      if (char === "\\") this.#at++;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
      else if (char === "/" && !inClass) break;
    }
    const pattern = this.#text.slice(from, this.#at++);
    return { type: "regex", text: pattern, flags: this.#take(/[a-z]/) };
  }
}
