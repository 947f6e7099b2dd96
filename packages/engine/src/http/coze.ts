import type { CanvasInput } from "../canvas.ts";
import { dig, fieldsOf, inputOf, inputParameters, listOf, literalOf, pick, textOf, typeOf } from "../coze/read.ts";
import { CozeProblem, type CozeReader } from "../coze/types.ts";
import { isFileType } from "../data/files.ts";
import { formatPath } from "../values/path.ts";
import { parseTemplate } from "../values/template.ts";
import { METHODS } from "./config.ts";

const BLOCK = "block_output_";
const VARIABLE = /^global_variable_(app|user|system)$/;

/** Gives names to the inputs that the parts of a request need. */
class Inputs {
  readonly list: CanvasInput[];
  readonly #byRef = new Map<string, string>();

  constructor(list: CanvasInput[]) {
    this.list = list;
  }

  /** A BlockInput as a value: a literal text in place, everything else by an input. */
  value(block: unknown): { value: string } | { input: string } {
    const literal = literalOf(block);
    // A template mark in a literal is text here, as it is in Coze.
    if (typeof literal === "string" && !literal.includes("{{")) return { value: literal };
    const input = `http_${this.list.length}`;
    this.list.push(inputOf(input, block));
    return { input };
  }

  /** Rewrites references that stand in the template itself to inputs of the node. */
  template(template: string): string {
    let text = "";
    for (const part of parseTemplate(template))
      text += "text" in part ? part.text : this.#place(part.path, part.source);
    return text;
  }

  #place(path: readonly (string | number)[], source: string): string {
    const [root, ...rest] = path;
    if (typeof root !== "string") return source;
    const scope = VARIABLE.exec(root)?.[1];
    if (scope === undefined && !root.startsWith(BLOCK)) return source;
    const key = formatPath([scope ?? root.slice(BLOCK.length), ...rest]);
    let name = this.#byRef.get(source);
    if (name === undefined) {
      name = `http_${this.list.length}`;
      this.#byRef.set(source, name);
      this.list.push(scope === undefined ? { name, ref: key } : { name, variable: key });
    }
    return `{{${name}}}`;
  }
}

/** Parameters with a name; of several with the same the last one counts, as Coze keeps them by name. */
function named(params: unknown[]): unknown[] {
  const last = new Map(params.map((param) => [textOf(param, "name") ?? "", param]));
  last.delete("");
  return [...last.values()];
}

function pairs(params: unknown[], inputs: Inputs): Record<string, unknown>[] {
  return named(params).map((param) => ({ name: textOf(param, "name"), ...inputs.value(pick(param, "input")) }));
}

function isFile(param: unknown): boolean {
  const type = typeOf(pick(param, "input"));
  return typeof type === "object" && isFileType(type);
}

function readAuth(auth: unknown, inputs: Inputs): Record<string, unknown> {
  if (pick(auth, "authOpen") !== true) return { type: "none" };
  const data = pick(auth, "authData");
  const named = (params: unknown[], name: string): unknown =>
    pick(params.find((param) => textOf(param, "name")?.toLowerCase() === name) ?? params[0], "input");
  switch (textOf(auth, "authType")) {
    case "BEARER_AUTH":
      return { type: "bearer", token: inputs.value(named(listOf(data, "bearerTokenData"), "token")) };
    case "CUSTOM_AUTH": {
      const params = listOf(data, "customData", "data");
      const addTo = textOf(data, "customData", "addTo") === "query" ? "query" : "header";
      return {
        type: "custom",
        addTo,
        key: inputs.value(named(params, "key")),
        value: inputs.value(named(params, "value")),
      };
    }
    default:
      throw new CozeProblem("inputs.auth.authType", "is no known kind of authentication");
  }
}

/** Only the chosen kind of body counts: the others are what somebody tried before. */
function readBody(body: unknown, inputs: Inputs): Record<string, unknown> {
  const data = pick(body, "bodyData");
  switch (textOf(body, "bodyType") ?? "EMPTY") {
    case "":
    case "EMPTY":
      return { type: "none" };
    case "JSON":
      return { type: "json", template: inputs.template(textOf(data, "json") ?? "") };
    case "RAW_TEXT":
      return { type: "raw", template: inputs.template(textOf(data, "rawText") ?? "") };
    case "FORM_DATA": {
      const params = named(listOf(data, "formData", "data"));
      const fields = pairs(params, inputs).map((pair, at) => (isFile(params[at]) ? { ...pair, file: true } : pair));
      return { type: "form_data", fields };
    }
    case "FORM_URLENCODED":
      return { type: "urlencoded", fields: pairs(listOf(data, "formURLEncoded"), inputs) };
    case "BINARY":
      return { type: "binary", file: inputs.value(dig(data, "binary", "fileURL")) };
    default:
      throw new CozeProblem("inputs.body.bodyType", "is no known kind of body");
  }
}

/** Reads Coze's HTTP node. References inside templates become inputs. */
export const readHttp: CozeReader = ({ data, inputs: source }) => {
  const inputs = new Inputs(inputParameters(source));
  const method = (textOf(source, "apiInfo", "method") ?? "GET").toUpperCase();
  if (!(METHODS as readonly string[]).includes(method)) throw new CozeProblem("inputs.apiInfo.method", "is unknown");
  const config = {
    method,
    url: inputs.template((textOf(source, "apiInfo", "url") ?? "").trim()),
    params: pairs(listOf(source, "params"), inputs),
    headers: pairs(listOf(source, "headers"), inputs),
    auth: readAuth(pick(source, "auth"), inputs),
    body: readBody(pick(source, "body"), inputs),
    retryOn: "transport",
  };
  return { config, inputs: inputs.list, outputs: fieldsOf(pick(data, "outputs")) };
};
