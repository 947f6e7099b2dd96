import * as z from "zod";
import { parseXml, XmlWriter } from "../data/xml.ts";
import { defineNode } from "../node.ts";
import { toText } from "../values/convert.ts";

const form = {
  input: z.string().min(1).max(128).default("data"),
  attributePrefix: z.string().max(16).default("@"),
  textName: z.string().min(1).max(128).default("#text"),
};

const config = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("parse"),
    ...form,
    alwaysList: z.boolean().default(false),
    trim: z.boolean().default(true),
    attributes: z.boolean().default(true),
  }),
  z.strictObject({
    mode: z.literal("build"),
    ...form,
    attributePrefix: z.string().min(1).max(16).default("@"),
    /** The element around everything; without it the object's only member is the root. */
    root: z.string().min(1).max(256).optional(),
    declaration: z.boolean().default(true),
    pretty: z.boolean().default(false),
  }),
]);

export const xml = defineNode({
  type: "xml",
  title: "XML",
  description: "Reads an XML text as an object, or writes an object as XML. Entities are never expanded.",
  category: "data",
  config,
  effectful: true,
  outputs: ({ mode }) => [{ name: "output", type: { type: mode === "parse" ? "object" : "string" } }],
  uses: ({ input }) => [input],
  n8n: ["n8n-nodes-base.xml"],
  async run({ config, inputs }) {
    const given = inputs[config.input];
    if (config.mode === "parse") return { output: { output: await parseXml(toText(given), config) } };
    const { root, declaration, pretty } = config;
    return { output: { output: new XmlWriter(config, pretty).document(given, root, declaration) } };
  },
});
