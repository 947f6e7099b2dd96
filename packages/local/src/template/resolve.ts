import { type Identity, identify, isInert, isKnown, nameProperty } from "./resources.ts";
import { type Place, type Resource, type Template, TemplateError } from "./types.ts";

const NO_VALUE = Symbol("AWS::NoValue");

/** Resolves the templates of one application; an export of one is importable in every other. */
export function resolveTemplates(templates: readonly Template[], place: Place): Resource[] {
  const others: Others = {
    exported: (name) => importValue(scopes, name),
    output: (stackName, name) => scopes.find((scope) => scope.stackName === stackName)?.output(name),
  };
  const scopes: Scope[] = templates.map((template) => new Scope(template, place, others));
  return scopes.flatMap((scope) => scope.resources());
}

/** What one template may ask of the others. */
interface Others {
  exported(name: string): unknown;
  output(stackName: string, name: string): unknown;
}

function importValue(scopes: readonly Scope[], name: string): unknown {
  for (const scope of scopes) {
    const value = scope.exported(name);
    if (value !== undefined) return value;
  }
  throw new TemplateError(`Fn::ImportValue: no stack exports ${name}`);
}

/** One template: its names, conditions and intrinsic functions. */
class Scope {
  readonly #template: Template;
  readonly #place: Place;
  readonly #others: Others;
  readonly #identities = new Map<string, Identity>();
  #at = "";

  constructor(template: Template, place: Place, others: Others) {
    this.#template = template;
    this.#place = place;
    this.#others = others;
  }

  get stackName(): string {
    return this.#template.stackName;
  }

  output(name: string): unknown {
    return this.resolve(this.#template.outputs[name]?.Value);
  }

  resources(): Resource[] {
    const found: Resource[] = [];
    for (const [logicalId, resource] of Object.entries(this.#template.resources)) {
      if (!isKnown(resource.Type)) throw this.#error(logicalId, `the local cloud does not run ${resource.Type}`);
      if (isInert(resource.Type)) continue;
      if (resource.Condition && !this.#condition(resource.Condition)) continue;
      this.#at = logicalId;
      const identity = this.#identity(logicalId);
      found.push({
        stack: this.#template.stack,
        logicalId,
        type: resource.Type,
        ref: identity.ref,
        name: identity.name,
        arn: identity.arn,
        properties: this.resolve(resource.Properties ?? {}) as Record<string, unknown>,
        metadata: resource.Metadata ?? {},
      });
    }
    return found;
  }

  /** The value of the output exported under `name`. */
  exported(name: string): unknown {
    for (const output of Object.values(this.#template.outputs)) {
      if (!output.Export || this.resolve(output.Export.Name) !== name) continue;
      if (output.Condition && !this.#condition(output.Condition)) continue;
      return this.resolve(output.Value);
    }
    return undefined;
  }

  /** A value with its intrinsic functions replaced by what they give. */
  resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item)).filter((item) => item !== NO_VALUE);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first && (first[0] === "Ref" || first[0].startsWith("Fn::")))
      return this.#intrinsic(first[0], first[1]);
    const out: Record<string, unknown> = {};
    for (const [key, item] of entries) {
      const resolved = this.resolve(item);
      if (resolved !== NO_VALUE) out[key] = resolved;
    }
    return out;
  }

  #intrinsic(name: string, raw: unknown): unknown {
    if (name === "Ref") return this.#ref(String(raw));
    if (name === "Fn::GetAtt") return this.#getAtt(raw);
    if (name === "Fn::Sub") return this.#sub(raw);
    if (name === "Fn::If") return this.#if(raw as unknown[]);
    if (name === "Fn::ImportValue") return this.#others.exported(String(this.resolve(raw)));
    const args = this.resolve(raw) as unknown[];
    switch (name) {
      case "Fn::Join":
        return (args[1] as unknown[]).map(String).join(String(args[0]));
      case "Fn::Select":
        return this.#defined((args[1] as unknown[])[Number(args[0])], "Fn::Select is out of range");
      case "Fn::Split":
        return String(args[1]).split(String(args[0]));
      case "Fn::FindInMap":
        return this.#defined(
          this.#template.mappings[String(args[0])]?.[String(args[1])]?.[String(args[2])],
          `Fn::FindInMap finds no ${args.map(String).join(".")}`,
        );
      case "Fn::GetStackOutput": {
        const { StackName, OutputName } = args as unknown as { StackName: string; OutputName: string };
        return this.#defined(this.#others.output(StackName, OutputName), `${StackName} has no output ${OutputName}`);
      }
      case "Fn::Base64":
        return Buffer.from(String(args)).toString("base64");
      case "Fn::ToJsonString":
        return JSON.stringify(args);
      default:
        throw this.#error(this.#at, `the local cloud does not know ${name}`);
    }
  }

  #ref(name: string): unknown {
    const { region, account } = this.#place;
    const pseudo: Record<string, unknown> = {
      "AWS::AccountId": account,
      "AWS::Region": region,
      "AWS::Partition": "aws",
      "AWS::URLSuffix": "amazonaws.com",
      "AWS::StackName": this.#template.stackName,
      "AWS::StackId": `arn:aws:cloudformation:${region}:${account}:stack/${this.#template.stackName}/local`,
      "AWS::NotificationARNs": [],
      "AWS::NoValue": NO_VALUE,
    };
    if (name in pseudo) return pseudo[name];
    const parameter = this.#template.parameters[name];
    if (parameter) return this.#defined(parameter.Default, `parameter ${name} has no default`);
    return this.#identity(name).ref;
  }

  #getAtt(raw: unknown): string {
    const [logicalId = "", ...path] = Array.isArray(raw) ? raw.map(String) : String(raw).split(".");
    const attribute = path.join(".");
    const value = this.#identity(logicalId).attribute(attribute);
    if (value === undefined) {
      const type = this.#template.resources[logicalId]?.Type;
      throw this.#error(this.#at, `the local cloud does not know attribute ${attribute} of ${logicalId} (${type})`);
    }
    return value;
  }

  #sub(raw: unknown): string {
    const [text, variables] = Array.isArray(raw) ? raw : [raw, {}];
    const own = variables as Record<string, unknown>;
    return String(text).replaceAll(/\$\{(!?)([^}]+)\}/g, (_all, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (name in own) return String(this.resolve(own[name]));
      return String(name.includes(".") ? this.#getAtt(name) : this.#ref(name));
    });
  }

  #if(args: unknown[]): unknown {
    return this.resolve(this.#condition(String(args[0])) ? args[1] : args[2]);
  }

  #condition(name: string): boolean {
    if (!(name in this.#template.conditions)) throw this.#error(this.#at, `there is no condition ${name}`);
    return this.#holds(this.#template.conditions[name]);
  }

  #holds(raw: unknown): boolean {
    const [name, value] = Object.entries(raw as Record<string, unknown>)[0] ?? ["", undefined];
    const list = value as unknown[];
    if (name === "Condition") return this.#condition(String(value));
    if (name === "Fn::And") return list.every((item) => this.#holds(item));
    if (name === "Fn::Or") return list.some((item) => this.#holds(item));
    if (name === "Fn::Not") return !this.#holds(list[0]);
    if (name === "Fn::Equals") return this.resolve(list[0]) === this.resolve(list[1]);
    throw this.#error(this.#at, `the local cloud does not know ${name} in a condition`);
  }

  #identity(logicalId: string): Identity {
    const known = this.#identities.get(logicalId);
    if (known) return known;
    const resource = this.#template.resources[logicalId];
    if (!resource) throw this.#error(this.#at, `refers to ${logicalId}, which is not in the template`);
    const property = nameProperty(resource.Type);
    const given = property ? this.resolve(resource.Properties?.[property]) : undefined;
    const weftName = resource.Type === "AWS::Lambda::Function" ? resource.Metadata?.weft : undefined;
    const identity = identify(
      {
        stack: this.#template.stack,
        logicalId,
        type: resource.Type,
        ...(typeof given === "string" ? { given } : {}),
        ...(typeof weftName === "string" ? { weftName } : {}),
      },
      this.#place,
    );
    this.#identities.set(logicalId, identity);
    return identity;
  }

  #defined(value: unknown, message: string): unknown {
    if (value === undefined) throw this.#error(this.#at, message);
    return value;
  }

  #error(logicalId: string, message: string): TemplateError {
    return new TemplateError(`${this.#template.stack}/${logicalId}: ${message}`);
  }
}
