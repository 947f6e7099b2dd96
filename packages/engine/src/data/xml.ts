import type { SaxesParser } from "saxes";
import { refuse } from "../items/items.ts";
import { MAX_MARKUP, MAX_MARKUP_DEPTH, MAX_MARKUP_NODES } from "../limits.ts";
import { toText } from "../values/convert.ts";
import { isRecord, setOwn } from "../values/json.ts";

export interface XmlForm {
  /** Stands before the names of attributes. */
  attributePrefix: string;
  /** The member that holds an element's text beside attributes and children. */
  textName: string;
}

export interface XmlReading extends XmlForm {
  /** Children are lists even where there is one of a name. */
  alwaysList: boolean;
  /** White space at the ends of texts goes. */
  trim: boolean;
  attributes: boolean;
}

interface Open {
  name: string;
  members: Record<string, unknown>;
  text: string;
}

function add(members: Record<string, unknown>, name: string, value: unknown, alwaysList: boolean): void {
  const before = Object.hasOwn(members, name) ? members[name] : undefined;
  if (before === undefined) setOwn(members, name, alwaysList ? [value] : value);
  else if (Array.isArray(before)) before.push(value);
  else setOwn(members, name, [before, value]);
}

function close({ members, text }: Open, { textName, trim }: XmlReading): unknown {
  const own = trim ? text.trim() : text;
  if (Object.keys(members).length === 0) return own;
  if (own.trim() !== "") setOwn(members, textName, own);
  return members;
}

/**
 * Reads an XML document as an object with its root as the only member: attributes and children as members, repeated
 * children as lists, an element with nothing but text as that text. Strict. Entities are the five of XML and numbers:
 * none is ever defined by the document, and nothing is fetched. Throws NodeError.
 */
export async function parseXml(text: string, reading: XmlReading): Promise<Record<string, unknown>> {
  if (text.length > MAX_MARKUP) throw refuse("too_large", `a document has at most ${MAX_MARKUP} characters`);
  const { SaxesParser } = await import("saxes");
  const parser: SaxesParser = new SaxesParser({ xmlns: false, position: true });
  const root: Record<string, unknown> = {};
  const stack: Open[] = [];
  let nodes = 0;
  parser.on("error", (cause) => {
    throw refuse("invalid_xml", `the XML cannot be read: ${cause.message.slice(0, 300)}`);
  });
  parser.on("opentag", ({ name, attributes }) => {
    nodes += 1 + Object.keys(attributes).length;
    if (nodes > MAX_MARKUP_NODES) throw refuse("too_large", `a document has at most ${MAX_MARKUP_NODES} nodes`);
    if (stack.length >= MAX_MARKUP_DEPTH) throw refuse("too_deep", `elements nest at most ${MAX_MARKUP_DEPTH} deep`);
    const members: Record<string, unknown> = {};
    if (reading.attributes) {
      for (const key of Object.keys(attributes)) setOwn(members, reading.attributePrefix + key, attributes[key]);
    }
    stack.push({ name, members, text: "" });
  });
  const onText = (piece: string): void => {
    const open = stack.at(-1);
    if (open) open.text += piece;
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("closetag", () => {
    const open = stack.pop() as Open;
    const parent = stack.at(-1);
    const value = close(open, reading);
    if (parent) add(parent.members, open.name, value, reading.alwaysList);
    else setOwn(root, open.name, value);
  });
  parser.write(text).close();
  return root;
}

const NAME = /^[\p{L}_:][\p{L}\p{N}_.:-]*$/u;
// XML 1.0 has no form for these, not even as numbers.
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu;
const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\t": "&#9;",
  "\r": "&#13;",
};

/** Text as it may stand in XML, between tags or in an attribute. */
export function escapeXml(text: string, inAttribute = false): string {
  const special = inAttribute ? /[&<>"\n\t\r]/g : /[&<>\r]/g;
  return text
    .toWellFormed()
    .replace(FORBIDDEN, "")
    .replace(special, (letter) => ESCAPES[letter] ?? letter);
}

function checkedName(name: string): string {
  if (name.length > 256 || !NAME.test(name)) throw refuse("invalid_name", `"${name.slice(0, 100)}" is no name in XML`);
  return name;
}

/** Writes the object that {@link parseXml} reads. Throws NodeError where it has no one root or a name that XML does not allow. */
export class XmlWriter {
  readonly #form: XmlForm;
  readonly #pretty: boolean;
  readonly #parts: string[] = [];
  #length = 0;

  constructor(form: XmlForm, pretty: boolean) {
    this.#form = form;
    this.#pretty = pretty;
  }

  document(value: unknown, rootName: string | undefined, declaration: boolean): string {
    if (declaration) this.#put('<?xml version="1.0" encoding="UTF-8"?>\n');
    const names = isRecord(value) ? Object.keys(value) : [];
    if (rootName !== undefined) this.#element(rootName, value, 0);
    else if (names.length === 1 && !Array.isArray((value as Record<string, unknown>)[names[0] as string])) {
      this.#element(names[0] as string, (value as Record<string, unknown>)[names[0] as string], 0);
    } else
      throw refuse("invalid_value", "an XML document has one root: give an object with one member, or name the root");
    return this.#parts.join("");
  }

  #put(text: string): void {
    this.#length += text.length;
    if (this.#length > MAX_MARKUP) throw refuse("too_large", `a document has at most ${MAX_MARKUP} characters`);
    this.#parts.push(text);
  }

  #element(name: string, value: unknown, depth: number): void {
    if (depth >= MAX_MARKUP_DEPTH) throw refuse("too_deep", `elements nest at most ${MAX_MARKUP_DEPTH} deep`);
    if (Array.isArray(value)) {
      for (const one of value) this.#element(name, one, depth + 1);
      return;
    }
    const line = this.#pretty ? "\n" : "";
    const indent = this.#pretty ? "  ".repeat(depth) : "";
    this.#put(`${indent}<${checkedName(name)}`);
    const children = isRecord(value) ? this.#attributes(value) : [];
    const text = isRecord(value) ? value[this.#form.textName] : value;
    const hasText = text !== undefined && text !== null && text !== "";
    if (children.length === 0) {
      this.#put(hasText ? `>${escapeXml(toText(text))}</${name}>${line}` : `/>${line}`);
      return;
    }
    this.#put(`>${hasText ? escapeXml(toText(text)) : ""}${line}`);
    for (const [child, inner] of children) this.#element(child, inner, depth + 1);
    this.#put(`${indent}</${name}>${line}`);
  }

  /** Writes the attributes among an object's members and gives the others. */
  #attributes(value: Record<string, unknown>): [string, unknown][] {
    const { attributePrefix, textName } = this.#form;
    const children: [string, unknown][] = [];
    for (const [key, member] of Object.entries(value)) {
      const isAttribute = attributePrefix !== "" && key.startsWith(attributePrefix) && typeof member !== "object";
      if (isAttribute) {
        this.#put(` ${checkedName(key.slice(attributePrefix.length))}="${escapeXml(toText(member), true)}"`);
      } else if (key !== textName) children.push([key, member]);
    }
    return children;
  }
}
