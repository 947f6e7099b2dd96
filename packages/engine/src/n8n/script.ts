import { type Script, Untranslatable } from "./ast.ts";
import { Lexer, type Token } from "./lexer.ts";

const MAX_LENGTH = 20_000;
const MAX_DEPTH = 100;
const POWER: Readonly<Record<string, number>> = {
  "??": 1,
  "||": 2,
  "&&": 3,
  "==": 4,
  "!=": 4,
  "===": 4,
  "!==": 4,
  "<": 5,
  ">": 5,
  "<=": 5,
  ">=": 5,
  "+": 6,
  "-": 6,
  "*": 7,
  "/": 7,
  "%": 7,
};
const CONSTANTS: Readonly<Record<string, boolean | null | undefined>> = {
  true: true,
  false: false,
  null: null,
  undefined,
};
const REFUSED = new Set(
  "this class function var let const async await yield import export delete void in instanceof with throw try while for do switch return super".split(
    " ",
  ),
);

class Parser {
  readonly #tokens: Token[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    const lexer = new Lexer(text, parseScript);
    for (let token = lexer.next(); ; token = lexer.next()) {
      this.#tokens.push(token);
      if (token.type === "end") break;
    }
  }

  whole(): Script {
    const script = this.expression();
    if (this.#is(";")) this.#at++;
    if (this.#peek().type !== "end")
      throw new Untranslatable(`"${this.#peek().text.slice(0, 20)}" is not expected here`);
    return script;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token;
  }
  #is(mark: string, ahead = 0): boolean {
    const token = this.#peek(ahead);
    return token.type === "mark" && token.text === mark;
  }
  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }
  #need(mark: string): void {
    if (!this.#is(mark)) throw new Untranslatable(`"${mark}" is missing before "${this.#peek().text.slice(0, 20)}"`);
    this.#at++;
  }

  expression(): Script {
    if (++this.#depth > MAX_DEPTH) throw new Untranslatable("it nests too deeply");
    const script = this.#arrow() ?? this.#conditional();
    this.#depth--;
    return script;
  }

  #arrow(): Script | undefined {
    const start = this.#at;
    const parameters: string[] = [];
    if (this.#peek().type === "name" && this.#is("=>", 1)) parameters.push(this.#take().text);
    else if (this.#is("(")) {
      this.#at++;
      while (this.#peek().type === "name") {
        parameters.push(this.#take().text);
        if (!this.#is(",")) break;
        this.#at++;
      }
      if (!this.#is(")") || !this.#is("=>", 1)) {
        this.#at = start;
        return undefined;
      }
      this.#at++;
    } else return undefined;
    this.#need("=>");
    if (this.#is("{")) throw new Untranslatable("functions with statements are not translated");
    return { kind: "arrow", parameters, body: this.expression() };
  }

  #conditional(): Script {
    const test = this.#binary(0);
    if (!this.#is("?")) return test;
    this.#at++;
    const yes = this.expression();
    this.#need(":");
    return { kind: "conditional", test, yes, no: this.expression() };
  }

  #binary(power: number): Script {
    let left = this.#unary();
    for (;;) {
      const token = this.#peek();
      const own = token.type === "mark" ? POWER[token.text] : undefined;
      if (own === undefined || own <= power) return left;
      this.#at++;
      left = { kind: "binary", operator: token.text, left, right: this.#binary(own) };
    }
  }

  #unary(): Script {
    const token = this.#peek();
    if (token.type === "mark" && ["!", "-", "+"].includes(token.text)) {
      this.#at++;
      if (++this.#depth > MAX_DEPTH) throw new Untranslatable("it nests too deeply");
      const value = this.#unary();
      this.#depth--;
      return { kind: "unary", operator: token.text, value };
    }
    if (token.type === "name" && token.text === "typeof") {
      this.#at++;
      return { kind: "unary", operator: "typeof", value: this.#unary() };
    }
    return this.#postfix();
  }

  #postfix(): Script {
    const isNew = this.#peek().type === "name" && this.#peek().text === "new";
    if (isNew) this.#at++;
    let script = this.#primary();
    let made = false;
    for (;;) {
      const isOptional = this.#is("?.");
      if (isOptional) this.#at++;
      if (this.#is("(")) {
        script = { kind: "call", callee: script, args: this.#arguments(")"), isNew: isNew && !made, isOptional };
        made = true;
      } else if (this.#is("[")) {
        this.#at++;
        script = { kind: "member", target: script, key: this.expression(), isOptional };
        this.#need("]");
      } else if (isOptional || this.#is(".")) {
        if (!isOptional) this.#at++;
        const name = this.#take();
        if (name.type !== "name") throw new Untranslatable(`"${name.text.slice(0, 20)}" is no name of a member`);
        script = { kind: "member", target: script, key: { kind: "literal", value: name.text }, isOptional };
      } else return script;
    }
  }

  #arguments(close: ")" | "]"): Script[] {
    this.#at++;
    const args: Script[] = [];
    while (!this.#is(close)) {
      if (this.#is("...")) {
        this.#at++;
        args.push({ kind: "spread", value: this.expression() });
      } else args.push(this.expression());
      if (!this.#is(",")) break;
      this.#at++;
    }
    this.#need(close);
    return args;
  }

  #primary(): Script {
    const token = this.#peek();
    switch (token.type) {
      case "number":
        this.#at++;
        return { kind: "literal", value: Number(token.text) };
      case "string":
        this.#at++;
        return { kind: "literal", value: token.text };
      case "template":
        this.#at++;
        return { kind: "template", parts: token.parts ?? [] };
      case "regex":
        this.#at++;
        return { kind: "regex", pattern: token.text, flags: token.flags ?? "" };
      case "name":
        this.#at++;
        if (Object.hasOwn(CONSTANTS, token.text)) return { kind: "literal", value: CONSTANTS[token.text] };
        if (REFUSED.has(token.text)) throw new Untranslatable(`"${token.text}" is not translated`);
        return { kind: "name", name: token.text };
      default:
        return this.#group();
    }
  }

  #group(): Script {
    if (this.#is("[")) return { kind: "list", items: this.#arguments("]") };
    if (this.#is("{")) return this.#object();
    if (!this.#is("(")) throw new Untranslatable(`"${this.#peek().text.slice(0, 20)}" is not expected here`);
    this.#at++;
    const inner = this.expression();
    this.#need(")");
    return inner;
  }

  #object(): Script {
    this.#at++;
    const members: { key: Script; value: Script; isSpread: boolean }[] = [];
    const nothing: Script = { kind: "literal", value: "" };
    while (!this.#is("}")) {
      if (this.#is("...")) {
        this.#at++;
        members.push({ key: nothing, value: this.expression(), isSpread: true });
      } else members.push(this.#member());
      if (!this.#is(",")) break;
      this.#at++;
    }
    this.#need("}");
    return { kind: "object", members };
  }

  #member(): { key: Script; value: Script; isSpread: boolean } {
    if (this.#is("[")) {
      this.#at++;
      const key = this.expression();
      this.#need("]");
      this.#need(":");
      return { key, value: this.expression(), isSpread: false };
    }
    const name = this.#take();
    if (name.type !== "name" && name.type !== "string" && name.type !== "number") {
      throw new Untranslatable(`"${name.text.slice(0, 20)}" is no name of a member`);
    }
    const key: Script = { kind: "literal", value: name.text };
    if (!this.#is(":")) return { key, value: { kind: "name", name: name.text }, isSpread: false };
    this.#at++;
    return { key, value: this.expression(), isSpread: false };
  }
}

/** Reads a script expression. Throws {@link Untranslatable} for what is not in the part that is understood. */
export function parseScript(text: string): Script {
  if (text.length > MAX_LENGTH) throw new Untranslatable("it is too long");
  return new Parser(text).whole();
}
