import fc from "fast-check";

/** `npm test` draws the same values for everybody; WEFT_PROPERTY_SEED draws others, and `random` new ones each time. */
const seed = process.env.WEFT_PROPERTY_SEED ?? "1";
if (seed !== "random") fc.configureGlobal({ seed: Number(seed) });
