import { refuse } from "../items/items.ts";
import { MAX_MARKUP_DEPTH, MAX_UNPACKED_BYTES } from "../limits.ts";

/** A tag without its prefix; attributes without theirs. */
export interface Tag {
  name: string;
  attributes: ReadonlyMap<string, string>;
}

export interface XmlVisitor {
  open(tag: Tag): void;
  text?(piece: string): void;
  close?(name: string): void;
}

const local = (name: string): string => name.slice(name.indexOf(":") + 1);

/** Goes through an XML text without building it. Entities are never defined by the document. Throws NodeError. */
export async function walkXml(text: string, visitor: XmlVisitor): Promise<void> {
  if (text.length > MAX_UNPACKED_BYTES) throw refuse("too_large", "the document is too long");
  const { SaxesParser } = await import("saxes");
  const parser = new SaxesParser({ xmlns: false });
  let depth = 0;
  parser.on("error", (cause) => {
    throw refuse("invalid_xml", `the XML cannot be read: ${cause.message.slice(0, 300)}`);
  });
  parser.on("opentag", ({ name, attributes }) => {
    depth += 1;
    if (depth > MAX_MARKUP_DEPTH) throw refuse("too_deep", `elements nest at most ${MAX_MARKUP_DEPTH} deep`);
    visitor.open({
      name: local(name),
      attributes: new Map(Object.keys(attributes).map((key) => [local(key), attributes[key] as string])),
    });
  });
  parser.on("text", (piece) => visitor.text?.(piece));
  parser.on("cdata", (piece) => visitor.text?.(piece));
  parser.on("closetag", ({ name }) => {
    depth -= 1;
    visitor.close?.(local(name));
  });
  parser.write(text).close();
}
