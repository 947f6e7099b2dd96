import { catalogue, catalogueText, categories } from "@weft/engine/catalogue";

/** The node types that a canvas may hold, each with the JSON Schema of its configuration, and their groups. */
export const nodeTypes = () => ({ items: catalogue(), categories: categories() });

/** The same in words, without schemas. */
export const nodeTypesText = catalogueText;
