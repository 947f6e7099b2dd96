import type * as Css from "css-select";
import type * as Handler from "domhandler";
import type { AnyNode, Document, Element } from "domhandler";
import type * as Dom from "domutils";
import type * as Parser from "htmlparser2";
import { refuse } from "../items/items.ts";
import { MAX_MARKUP, MAX_MARKUP_DEPTH, MAX_MARKUP_NODES } from "../limits.ts";

/** The libraries that read markup, loaded when a node first needs them. */
export interface Markup {
  parser: typeof Parser;
  dom: typeof Dom;
  css: typeof Css;
  handler: typeof Handler;
}

let markup: Promise<Markup> | undefined;

/** Loads the parser, the tree's functions and the selectors. */
export function loadMarkup(): Promise<Markup> {
  markup ??= Promise.all([import("htmlparser2"), import("domutils"), import("css-select"), import("domhandler")]).then(
    ([parser, dom, css, handler]) => ({ parser, dom, css, handler }),
  );
  return markup;
}

/**
 * Parses HTML, or XML as feeds write it, without ever failing for bad markup. Throws NodeError where the text is too long,
 * nests too deeply or has too many nodes: what walks the tree may then recurse.
 */
export function parseMarkup({ parser }: Markup, text: string, xmlMode = false): Document {
  if (text.length > MAX_MARKUP) throw refuse("too_large", `a document has at most ${MAX_MARKUP} characters`);
  let depth = 0;
  let nodes = 0;
  const count = (): void => {
    nodes += 1;
    if (nodes > MAX_MARKUP_NODES) throw refuse("too_large", `a document has at most ${MAX_MARKUP_NODES} nodes`);
  };
  class BoundedHandler extends parser.DomHandler {
    override onopentag(name: string, attributes: Record<string, string>): void {
      count();
      depth += 1;
      if (depth > MAX_MARKUP_DEPTH) throw refuse("too_deep", `elements nest at most ${MAX_MARKUP_DEPTH} deep`);
      super.onopentag(name, attributes);
    }
    override onclosetag(): void {
      depth -= 1;
      super.onclosetag();
    }
    override ontext(data: string): void {
      count();
      super.ontext(data);
    }
  }
  const handler = new BoundedHandler(undefined, { xmlMode });
  new parser.Parser(handler, { xmlMode, decodeEntities: true }).end(text);
  return handler.root;
}

/** Steps through the tree that all selectors of one node may take together. */
const MAX_STEPS = 20_000_000;

/** Finds elements by CSS selectors. One budget of steps holds for all calls; beyond it NodeError `too_slow` is thrown. */
export function finder({ css, dom, handler }: Markup): (selector: string, root: Document) => Element[] {
  let steps = 0;
  const spend = (count: number): void => {
    steps += count;
    if (steps > MAX_STEPS) throw refuse("too_slow", "the selectors need too many steps in this document");
  };
  const adapter = {
    ...dom,
    isTag: (node: AnyNode) => {
      spend(1);
      return handler.isTag(node);
    },
    getChildren: (node: AnyNode) => {
      spend(1);
      return dom.getChildren(node);
    },
    getParent: (node: AnyNode) => {
      spend(1);
      return dom.getParent(node);
    },
    getText: (node: AnyNode) => {
      const text = dom.getText(node);
      spend(text.length);
      return text;
    },
  };
  return (selector, root) => {
    try {
      return css.selectAll<AnyNode, Element>(selector, root, { adapter: adapter as never, cacheResults: true });
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === "NodeError") throw thrown;
      throw refuse("bad_selector", `"${selector.slice(0, 100)}" is no CSS selector`, thrown);
    }
  };
}
