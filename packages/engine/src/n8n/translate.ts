import { SCRIPT_METHODS } from "../expressions/script.ts";
import { type Script, Untranslatable } from "./ast.ts";
import { parseScript } from "./script.ts";
import { CALLBACKS, DATE_METHODS, DATE_PARTS, MATH, NAME, UNKNOWN } from "./translate-words.ts";

/** What a translated expression may speak of. */
export interface ScriptScope {
  /** The name under which the expression reads the items of a node, by the node's name there. Throws Untranslatable. */
  itemsOf(nodeName: string): string;
  /** JSONata for the item of a node that belongs to the item at a place of this one. Throws Untranslatable. */
  pairedOf(nodeName: string, index: string): string;
  /** JSON of a setting of a node. Throws Untranslatable where it is computed. */
  parameterOf(nodeName: string, key: string): string;
  /** The name under which the expression reads one of n8n's variables. */
  variable(name: string): string;
  /** The name under which the expression reads the execution's id. */
  executionId(): string;
  /** The workflow's name there. */
  workflowName: string;
}

/** JSONata text, and what is known of its value: a date is a text in JSONata and has methods of its own. */
interface Emitted {
  text: string;
  isDate?: true;
  /** An item of n8n (`{json}`): only `.json` may follow. */
  isItem?: true;
}

/** The files that stand beside an item. */
const FILES_OF = (item: string): string => `$js_get(${item}, "$binary")`;

/** Whose items are meant: this node's own where none is named. */
interface ItemSource {
  node: string | undefined;
  isByPlace: boolean;
}

class Translator {
  readonly #scope: ScriptScope;
  #parameters: readonly string[] = [];
  #bound = 0;

  constructor(scope: ScriptScope) {
    this.#scope = scope;
  }

  value(script: Script): string {
    const emitted = this.#emit(script);
    if (emitted.isItem) throw new Untranslatable("a whole item of n8n is used as a value");
    return emitted.text;
  }

  #emit(script: Script): Emitted {
    switch (script.kind) {
      case "literal":
        return { text: script.value === undefined ? "$js_nothing" : JSON.stringify(script.value) };
      case "regex":
        return { text: JSON.stringify({ pattern: script.pattern, flags: script.flags }) };
      case "name":
        return this.#name(script.name);
      case "member":
        return this.#member(script);
      case "call":
        return this.#call(script);
      case "unary":
        return { text: this.#unary(script.operator, this.value(script.value)) };
      case "binary":
        return { text: this.#binary(script) };
      case "conditional":
        return {
          text: `($js_truthy(${this.value(script.test)}) ? ${this.value(script.yes)} : ${this.value(script.no)})`,
        };
      case "list":
        return { text: this.#list(script.items) };
      case "object":
        return { text: this.#object(script.members) };
      case "template":
        return { text: `(${script.parts.map((part) => `$js_text(${this.value(part)})`).join(" & ")})` };
      case "spread":
        throw new Untranslatable("`...` stands where it is not translated");
      case "arrow":
        throw new Untranslatable("a function stands where it is not translated");
    }
  }

  #name(name: string): Emitted {
    if (this.#parameters.includes(name)) return { text: `$p_${name}` };
    if (name === "$json") return { text: "$json" };
    if (name === "$itemIndex") return { text: "$itemIndex" };
    if (name === "$binary") return { text: FILES_OF("$json") };
    if (name === "$now") return { text: "$now()", isDate: true };
    if (name === "$today") return { text: "$today()", isDate: true };
    throw new Untranslatable(Object.hasOwn(UNKNOWN, name) ? (UNKNOWN[name] ?? name) : `"${name}" is not known here`);
  }

  /** `$('x')`, `$node["x"]` and `$input`, whose items an expression may read. */
  #source(script: Script): ItemSource | undefined {
    if (script.kind === "name" && script.name === "$input") return { node: undefined, isByPlace: false };
    if (script.kind === "call" && script.callee.kind === "name" && script.callee.name === "$") {
      const [name] = script.args;
      if (name?.kind === "literal" && typeof name.value === "string") return { node: name.value, isByPlace: false };
    }
    const isNode = script.kind === "member" && script.target.kind === "name" && script.target.name === "$node";
    return isNode && script.key.kind === "literal" ? { node: String(script.key.value), isByPlace: true } : undefined;
  }

  #itemsOf({ node }: ItemSource): string {
    return node === undefined ? "items" : this.#scope.itemsOf(node);
  }

  /** The item that belongs to this one; `$node["x"]` takes the one at the same place. */
  #paired({ node, isByPlace }: ItemSource, index = "$itemIndex"): string {
    if (node === undefined) return index === "$itemIndex" ? "$json" : `$js_get(items, ${index})`;
    return isByPlace ? `$js_paired(${this.#scope.itemsOf(node)}, ${index})` : this.#scope.pairedOf(node, index);
  }

  #member(script: Extract<Script, { kind: "member" }>): Emitted {
    const isVariable = script.target.kind === "name" && script.target.name === "$vars";
    if (isVariable && script.key.kind === "literal" && NAME.test(String(script.key.value))) {
      return { text: this.#scope.variable(String(script.key.value)) };
    }
    const { target, key } = script;
    const name = key.kind === "literal" ? key.value : undefined;
    const source = this.#source(target);
    if (target.kind === "member" && target.key.kind === "literal" && target.key.value === "params") {
      const of = this.#source(target.target);
      if (of?.node !== undefined && name !== undefined) return { text: this.#scope.parameterOf(of.node, String(name)) };
    }
    if (source !== undefined) {
      if (name === "item") return { text: this.#paired(source), isItem: true };
      if (name === "json") return { text: this.#paired(source) };
      throw new Untranslatable(`"${String(name)}" of a node is not taken over`);
    }
    if (target.kind === "name" && target.name === "$workflow") {
      if (name === "name") return { text: JSON.stringify(this.#scope.workflowName) };
      throw new Untranslatable("it reads the workflow's id in n8n");
    }
    if (target.kind === "name" && target.name === "$execution" && name === "id")
      return { text: this.#scope.executionId() };
    const of = this.#emit(target);
    if (of.isItem) {
      if (name === "json") return { text: of.text };
      if (name === "binary") return { text: FILES_OF(of.text) };
      throw new Untranslatable(`"${String(name)}" of an item is not taken over`);
    }
    if (of.isDate && typeof name === "string" && DATE_PARTS.has(name))
      return { text: `$date_part(${of.text}, "${name}")` };
    if (typeof name === "string" && name !== "length" && !/^\d+$/.test(name))
      return { text: `${of.text}.${step(name)}` };
    return { text: `$js_get(${of.text}, ${name === undefined ? this.value(key) : JSON.stringify(name)})` };
  }

  #call(script: Extract<Script, { kind: "call" }>): Emitted {
    const { callee, args } = script;
    if (callee.kind === "name") return this.#function(callee.name, args, script.isNew);
    if (script.isNew || callee.kind !== "member" || callee.key.kind !== "literal") {
      throw new Untranslatable("what is called here is not translated");
    }
    const method = String(callee.key.value);
    const source = this.#source(callee.target);
    if (source !== undefined) return this.#itemsCall(source, method, args);
    if (callee.target.kind === "name" && !this.#parameters.includes(callee.target.name)) {
      const found = this.#namespace(callee.target.name, method, args);
      if (found) return found;
    }
    const of = this.#emit(callee.target);
    if (of.isItem) throw new Untranslatable("a whole item of n8n is used as a value");
    return this.#guarded(callee.isOptional, of, (target) => this.#method(target, method, args));
  }

  #guarded(isOptional: boolean, of: Emitted, call: (target: Emitted) => Emitted): Emitted {
    if (!isOptional) return call(of);
    const name = `$b_${this.#bound++}`;
    const { text } = call({ ...of, text: name });
    return { text: `(${name} := ${of.text}; $js_nullish(${name}) ? $js_nothing : ${text})` };
  }

  #itemsCall(source: ItemSource, method: string, args: Script[]): Emitted {
    if (method === "first") return { text: `$js_get(${this.#itemsOf(source)}, 0)`, isItem: true };
    if (method === "last") return { text: `$js_last(${this.#itemsOf(source)})`, isItem: true };
    if (method === "all") return { text: `$js_wrapped(${this.#itemsOf(source)})` };
    if ((method === "itemMatching" || method === "pairedItem") && args[0])
      return { text: this.#paired(source, this.value(args[0])), isItem: true };
    if (method === "pairedItem") return { text: this.#paired(source), isItem: true };
    throw new Untranslatable(`"${method}" of a node's items is not translated`);
  }

  #method(target: Emitted, method: string, args: Script[]): Emitted {
    const values = () => args.map((arg) => this.value(arg));
    if ((target.isDate || method === "toDateTime") && Object.hasOwn(DATE_METHODS, method)) {
      const [name, isDate] = DATE_METHODS[method] ?? ["date", false];
      const text = `$${name}(${[target.text, ...values()].join(", ")})`;
      return isDate ? { text, isDate: true } : { text };
    }
    if (method === "toDate") return { text: `$date(${target.text})`, isDate: true };
    if (target.isDate) throw new Untranslatable(`"${method}" of a date is not translated`);
    if (method === "length") return { text: `$js_get(${target.text}, "length")` };
    if (method === "extractUrl" || !SCRIPT_METHODS.has(method))
      throw new Untranslatable(`"${method}" is not translated`);
    if (!CALLBACKS.has(method)) return { text: `$js_${method}(${[target.text, ...values()].join(", ")})` };
    const [callback, ...more] = args;
    if (!callback) throw new Untranslatable(`"${method}" has no function`);
    return {
      text: `$js_${method}(${[target.text, this.#callback(callback), ...more.map((arg) => this.value(arg))].join(", ")})`,
    };
  }

  #callback(script: Script): string {
    if (script.kind === "name" && script.name === "Boolean") return "function($x){ $js_truthy($x) }";
    if (script.kind !== "arrow") throw new Untranslatable("only functions that are written in place are translated");
    const before = this.#parameters;
    if (!script.parameters.every((name) => NAME.test(name)))
      throw new Untranslatable("a parameter has a name that is not translated");
    this.#parameters = [...before, ...script.parameters];
    const body = this.value(script.body);
    this.#parameters = before;
    return `function(${script.parameters.map((name) => `$p_${name}`).join(", ")}){ ${body} }`;
  }

  #function(name: string, args: Script[], isNew: boolean): Emitted {
    const values = args.map((arg) => (arg.kind === "arrow" ? "" : this.value(arg)));
    const [first = "$js_nothing", second = "$js_nothing", third = "$js_nothing"] = values;
    if (name === "Date") {
      if (!isNew) throw new Untranslatable("Date without new is not translated");
      return { text: values.length === 0 ? "$now()" : `$date(${first})`, isDate: true };
    }
    const written: Record<string, string> = {
      $ifEmpty: `$js_if_empty(${first}, ${second})`,
      $if: `($js_truthy(${first}) ? ${second} : ${third})`,
      $max: `$max([${values.join(", ")}])`,
      $min: `$min([${values.join(", ")}])`,
      $not: `$not($js_truthy(${first}))`,
      Number: `$js_number(${first})`,
      String: `$js_text(${first})`,
      Boolean: `$js_truthy(${first})`,
      parseInt: `$js_toInt(${first})`,
      parseFloat: `$js_toFloat(${first})`,
      encodeURIComponent: `$js_urlEncode(${first})`,
    };
    const text = !isNew && Object.hasOwn(written, name) ? written[name] : undefined;
    if (text !== undefined) return { text };
    throw new Untranslatable(Object.hasOwn(UNKNOWN, name) ? (UNKNOWN[name] ?? name) : `"${name}" is not known here`);
  }

  #namespace(target: string, method: string, args: Script[]): Emitted | undefined {
    const values = () => args.map((arg) => (arg.kind === "spread" ? this.value(arg.value) : this.value(arg)));
    if (target === "DateTime" && ["now", "local", "utc"].includes(method) && args.length === 0)
      return { text: "$now()", isDate: true };
    if (target === "DateTime" && ["fromISO", "fromMillis"].includes(method))
      return { text: `$date(${values()[0] ?? ""})`, isDate: true };
    if (target === "Date" && method === "now") return { text: "$millis()" };
    if (target === "JSON" && method === "stringify") return { text: `$js_toJsonString(${values().join(", ")})` };
    if (target === "JSON" && method === "parse") return { text: `$js_parseJson(${values()[0] ?? ""})` };
    if (target === "Object" && method === "assign") return { text: `$js_merge(${values().join(", ")})` };
    if (target === "Object" && (method === "keys" || method === "values"))
      return { text: `$js_${method}(${values()[0] ?? ""})` };
    if (target === "Array" && method === "isArray") return { text: `($type(${values()[0] ?? ""}) = "array")` };
    if (target !== "Math") return undefined;
    if (method === "max" || method === "min") return { text: `$${method}($append([], [${values().join(", ")}]))` };
    if (method === "round") return { text: `$floor($js_number(${values()[0] ?? ""}) + 0.5)` };
    if (method === "random") return { text: "$random()" };
    if (!Object.hasOwn(MATH, method)) throw new Untranslatable(`Math.${method} is not translated`);
    return {
      text: `$${MATH[method]}(${values()
        .map((one) => `$js_number(${one})`)
        .join(", ")})`,
    };
  }

  #unary(operator: string, value: string): string {
    if (operator === "!") return `$not($js_truthy(${value}))`;
    if (operator === "typeof") return `$js_type(${value})`;
    return operator === "-" ? `$js_math("-", 0, ${value})` : `$js_number(${value})`;
  }

  #binary({ operator, left, right }: Extract<Script, { kind: "binary" }>): string {
    const a = this.value(left);
    const b = this.value(right);
    const name = `$b_${this.#bound++}`;
    switch (operator) {
      case "&&":
        return `(${name} := ${a}; $js_truthy(${name}) ? ${b} : ${name})`;
      case "||":
        return `(${name} := ${a}; $js_truthy(${name}) ? ${name} : ${b})`;
      case "??":
        return `(${name} := ${a}; $js_nullish(${name}) ? ${b} : ${name})`;
      case "+":
        return `$js_add(${a}, ${b})`;
      case "===":
        return `$js_same(${a}, ${b})`;
      case "!==":
        return `$not($js_same(${a}, ${b}))`;
      case "==":
        return `$js_equal(${a}, ${b})`;
      case "!=":
        return `$not($js_equal(${a}, ${b}))`;
      case "<":
        return `$js_less(${a}, ${b})`;
      case ">":
        return `$js_less(${b}, ${a})`;
      case "<=":
        return `$js_at_most(${a}, ${b})`;
      case ">=":
        return `$js_at_most(${b}, ${a})`;
      default:
        return `$js_math("${operator}", ${a}, ${b})`;
    }
  }

  #list(items: Script[]): string {
    const parts = items.map((item) =>
      item.kind === "spread" ? `{"spread": ${this.value(item.value)}}` : `{"item": ${this.value(item)}}`,
    );
    return `$js_list([${parts.join(", ")}])`;
  }

  #object(members: Extract<Script, { kind: "object" }>["members"]): string {
    const parts: string[] = [];
    let plain = new Map<string, string>();
    const flush = (): void => {
      if (plain.size > 0)
        parts.push(`{${[...plain].map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", ")}}`);
      plain = new Map();
    };
    for (const { key, value, isSpread } of members) {
      if (isSpread) {
        flush();
        parts.push(this.value(value));
      } else if (key.kind !== "literal") {
        flush();
        parts.push(`$js_member(${this.value(key)}, ${this.value(value)})`);
      } else plain.set(String((key as { value: unknown }).value), this.value(value));
    }
    flush();
    return parts.length === 1 && !members.some(({ key, isSpread }) => isSpread || key.kind !== "literal")
      ? (parts[0] ?? "{}")
      : `$js_merge(${parts.join(", ")})`;
  }
}

function step(name: string): string {
  if (name.includes("`")) throw new Untranslatable("the name of a member has a ` in it");
  // JSONata's words of its own may not stand as names.
  return NAME.test(name) && !["and", "or", "in", "true", "false", "null", "function"].includes(name)
    ? name
    : `\`${name}\``;
}

const PLACE = /\{\{([\s\S]*?)\}\}/g;

/** The JSONata text for a parameter of n8n that begins with `=`, per item. Throws {@link Untranslatable}. */
export function translateParameter(parameter: string, scope: ScriptScope): string {
  const text = parameter.slice(1);
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(PLACE)) {
    const before = text.slice(from, match.index);
    const value = new Translator(scope).value(parseScript((match[1] ?? "").trim()));
    from = match.index + match[0].length;
    if (before.trim() === "" && text.slice(from).trim() === "" && parts.length === 0) return value;
    if (before !== "") parts.push(JSON.stringify(before));
    parts.push(`$js_put(${value})`);
  }
  if (from < text.length) parts.push(JSON.stringify(text.slice(from)));
  return parts.length === 0 ? '""' : parts.join(" & ");
}
