import type { CanvasInput, CanvasNode } from "../canvas.ts";
import { expressionNames, expressionProblem } from "../expressions/evaluate.ts";
import {
  type ExpressionLanguage,
  type Field,
  type Input,
  type PathPart,
  type Source,
  VARIABLE_SCOPES,
  type ValueType,
  type VariableScope,
} from "../plan.ts";
import { convertValue } from "../values/convert.ts";
import { parsePath } from "../values/path.ts";
import { type Context, definitionOf, type Level } from "./level.ts";
import { ANY, typeAt, valueType } from "./types.ts";

/** Coze's rule, which templates and code rely on. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SCOPES: ReadonlySet<string> = new Set(VARIABLE_SCOPES);

type ExpressionText = string | { text: string; inputs?: CanvasInput[] | undefined };

interface Resolved {
  source: Source;
  /** What the source is declared to give, where that is known. */
  type: ValueType;
}

const NOTHING: Resolved = { source: { kind: "literal", value: null }, type: ANY };

class InputCompiler {
  readonly #level: Level;
  readonly #at: number;
  readonly #node: CanvasNode;
  readonly #context: Context;

  constructor(level: Level, at: number, node: CanvasNode, context: Context) {
    this.#level = level;
    this.#at = at;
    this.#node = node;
    this.#context = context;
  }

  inputs(list: readonly CanvasInput[], path: string): Input[] {
    const seen = new Set<string>();
    return list.map((input) => {
      const at = `${path}.${input.name}`;
      if (!NAME.test(input.name) || input.name === "__proto__") {
        this.#issue(
          "bad_name",
          at,
          `a name is letters, digits and _, and begins with a letter; this one is "${input.name}"`,
        );
      } else if (seen.has(input.name)) this.#issue("bad_name", at, `there are two inputs "${input.name}"`);
      seen.add(input.name);
      return this.#input(input, at);
    });
  }

  #input(input: CanvasInput, path: string): Input {
    const { source, type } = this.#source(input, path);
    const declared = input.type === undefined ? type : valueType(input.type);
    if (source.kind !== "literal") return { name: input.name, type: declared, source };
    const { value, warning } = convertValue(source.value, declared);
    if (warning !== undefined) this.#context.issues.node("bad_value", this.#node.id, path, warning, "warning");
    return { name: input.name, type: declared, source: { kind: "literal", value } };
  }

  #source(input: CanvasInput, path: string): Resolved {
    if (input.ref !== undefined) return this.#ref(input.ref, path);
    if (input.variable !== undefined) return this.#variable(input.variable, path);
    if (input.expression !== undefined) return this.#expression("jsonata", input.expression, path);
    if (input.jinja !== undefined) return this.#expression("jinja", input.jinja, path);
    if (input.fields !== undefined) {
      const fields = this.inputs(input.fields, path);
      const declared = fields.map(({ name, type }) => ({ name, type }));
      return { source: { kind: "object", fields }, type: { type: "object", fields: declared } };
    }
    return { source: { kind: "literal", value: input.value ?? null }, type: ANY };
  }

  #expression(language: ExpressionLanguage, given: ExpressionText, path: string): Resolved {
    const { text, inputs: own = [] } = typeof given === "string" ? { text: given } : given;
    const at = `${path}.${language === "jinja" ? "jinja" : "expression"}`;
    const inputs = this.inputs(own, at);
    const problem = expressionProblem(language, text);
    if (problem !== undefined) {
      this.#context.issues.node("bad_expression", this.#node.id, at, problem);
      return NOTHING;
    }
    const { names, isVolatile } = expressionNames(language, text);
    const taken = new Set(inputs.map(({ name }) => name));
    for (const id of names) {
      // A name may as well be a member of some value: only a node that can be seen here is meant by its id.
      if (!taken.has(id) && this.#canSee(id))
        inputs.push({ name: id, type: ANY, source: { kind: "ref", node: id, path: [] } });
    }
    const type: ValueType = language === "jinja" ? { type: "string" } : ANY;
    const source: Source = { kind: "expression", language, text, inputs, ...(isVolatile ? { isVolatile } : {}) };
    return { source, type };
  }

  #canSee(id: string): boolean {
    let at = this.#at;
    for (let level: Level | undefined = this.#level; level; level = level.owner?.level) {
      const target = level.links.numbers.get(id);
      if (target !== undefined) return this.#unseen(level, at, target) === undefined;
      if (level.owner?.node.id === id) return true;
      at = level.owner?.at ?? at;
    }
    return false;
  }

  #variable(text: string, path: string): Resolved {
    const [scope, name, ...rest] = parsePath(text) ?? [];
    if (typeof scope !== "string" || !SCOPES.has(scope) || typeof name !== "string") {
      this.#issue("bad_variable", path, `"${text}" is no variable: it begins with ${VARIABLE_SCOPES.join("., ")}.`);
      return NOTHING;
    }
    return { source: { kind: "variable", scope: scope as VariableScope, name, path: rest }, type: ANY };
  }

  #ref(text: string, path: string): Resolved {
    if (text === "") return this.#bad(path, "refers to nothing");
    const [node, ...rest] = parsePath(text) ?? [];
    if (typeof node !== "string") return this.#bad(path, `"${text}" is no reference`);
    return this.#resolve(node, rest, path);
  }

  #resolve(id: string, rest: PathPart[], path: string): Resolved {
    const source: Source = { kind: "ref", node: id, path: rest };
    let at = this.#at;
    for (let level: Level | undefined = this.#level; level; level = level.owner?.level) {
      const target = level.links.numbers.get(id);
      if (target !== undefined) {
        const problem = this.#unseen(level, at, target);
        if (problem !== undefined) return this.#bad(path, `refers to "${id}", ${problem}`);
        return { source, type: this.#typeOf(level, id, rest, path) };
      }
      if (level.owner?.node.id === id) {
        const [name] = rest;
        if (name !== undefined && name !== "index" && !level.owner.locals.has(String(name))) {
          return this.#bad(path, `refers to "${id}", which has no input or variable "${name}"`);
        }
        return { source, type: name === "index" ? { type: "integer" } : ANY };
      }
      at = level.owner?.at ?? at;
    }
    return this.#bad(path, `refers to "${id}", ${this.#elsewhere(id)}`);
  }

  /** Why a node of a level cannot be seen from `at`; undefined where it can. */
  #unseen(level: Level, at: number, target: number): string | undefined {
    if (target === at) return level === this.#level ? "which is the node itself" : "whose body it is in";
    if (!level.live.has(target)) return "which nothing leads to";
    if (level.unordered.has(at) || level.before.has(at, target)) return undefined;
    return "which does not come before it";
  }

  #elsewhere(id: string): string {
    if (!this.#context.owners.has(id)) return "which does not exist";
    const owner = this.#context.owners.get(id);
    return owner === undefined ? "which is a comment" : `which is inside "${owner}"`;
  }

  #typeOf(level: Level, id: string, rest: readonly PathPart[], path: string): ValueType {
    const fields: readonly Field[] = level.fields.get(id) ?? [];
    const target = level.links.nodes[level.links.numbers.get(id) ?? -1];
    const definition = target && definitionOf(target);
    const type = typeAt(fields, rest);
    if (type !== undefined) return type;
    // A start node passes on what it does not declare.
    if (definition && !definition.begins && fields.length > 0) {
      const message = `refers to "${id}", which declares no output "${rest.join(".")}"`;
      this.#context.issues.node("bad_reference", this.#node.id, path, message, "warning");
    }
    return ANY;
  }

  #issue(code: "bad_name" | "bad_variable" | "bad_reference", path: string, message: string): void {
    this.#context.issues.node(code, this.#node.id, path, message);
  }

  #bad(path: string, message: string): Resolved {
    this.#issue("bad_reference", path, message);
    return NOTHING;
  }
}

/** Compiles a node's inputs: names, references, variables, literals made what they are declared to be. */
export function compileInputs(level: Level, at: number, node: CanvasNode, context: Context): Input[] {
  return new InputCompiler(level, at, node, context).inputs(node.data.inputs ?? [], "data.inputs");
}

/** The inputs that a source is made of. */
function partsOf(source: Source): readonly Input[] {
  if (source.kind === "object") return source.fields;
  return source.kind === "expression" ? source.inputs : [];
}

/** Whether any part of the inputs reads a variable of the scope. */
export function readsVariable(inputs: readonly Input[], scope: VariableScope): boolean {
  return inputs.some(
    ({ source }) => (source.kind === "variable" && source.scope === scope) || readsVariable(partsOf(source), scope),
  );
}

/** Whether any part of the inputs is another one each time it is computed. */
export function isVolatile(inputs: readonly Input[]): boolean {
  return inputs.some(
    ({ source }) => (source.kind === "expression" && source.isVolatile) || isVolatile(partsOf(source)),
  );
}
