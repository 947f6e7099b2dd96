import { catalogue } from "@weft/engine/catalogue";

/** The node types that a canvas may hold, each with the JSON Schema of its configuration. */
export const nodeTypes = catalogue;
