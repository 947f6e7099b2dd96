import * as z from "zod";
import {
  type Conditions,
  conditionsConfig,
  type Matcher,
  matcherFor,
  rightInputs,
  tester,
} from "../items/condition.ts";
import { MAX_RULES } from "../limits.ts";
import { defineNode, type NodeResult } from "../node.ts";
import { parsePath } from "../values/path.ts";

const config = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("rules"),
    /** The first one that holds decides. Each has the port `case_<number from 0>`. */
    rules: z
      .array(conditionsConfig.extend({ name: z.string().max(128).optional() }))
      .min(1)
      .max(MAX_RULES),
    /** Whether there is a port `default` for what no rule holds for; without it the run goes on nowhere from here. */
    fallback: z.boolean().default(true),
  }),
  z.strictObject({
    mode: z.literal("index"),
    /** The input that holds the number of the port, from 0. */
    input: z.string().min(1).max(128),
    ports: z.int().min(1).max(MAX_RULES),
    fallback: z.boolean().default(true),
  }),
]);
type Config = z.output<typeof config>;

/** A port that no edge leaves: every edge is dead. */
const NOWHERE = "none";

function count(config: Config): number {
  return config.mode === "rules" ? config.rules.length : config.ports;
}

function leave(config: Config, index: number): NodeResult {
  const known = Number.isInteger(index) && index >= 0 && index < count(config);
  if (!known) return { output: { index: null, name: null }, port: config.fallback ? "default" : NOWHERE };
  const name = config.mode === "rules" ? (config.rules[index]?.name ?? null) : null;
  return { output: { index, name }, port: `case_${index}` };
}

function choose(rules: readonly Conditions[], inputs: Record<string, unknown>, matcher: Matcher | undefined): number {
  return rules.findIndex((rule) => tester(rule, inputs, matcher)(inputs));
}

function leftInputs(rules: readonly Conditions[]): string[] {
  return rules.flatMap(({ conditions }) => conditions.map(({ left }) => String(parsePath(left)?.[0] ?? "")));
}

export const switchNode = defineNode({
  type: "switch",
  title: "Switch",
  description: "Leaves by the port of the first rule that holds, or by the port whose number an input gives.",
  category: "logic",
  config,
  effectful: false,
  portForms: [
    { name: "case_{n}", description: "The rule of this number holds first, or the input gave this number." },
    { name: "default", description: "None of them, where there is a fallback." },
  ],
  ports: (config) => [
    ...Array.from({ length: count(config) }, (_none, index) => `case_${index}`),
    ...(config.fallback ? ["default"] : []),
  ],
  outputs: () => [
    { name: "index", type: { type: "integer" } },
    { name: "name", type: { type: "string" } },
  ],
  uses: (config) =>
    config.mode === "index" ? [config.input] : [...leftInputs(config.rules), ...rightInputs(config.rules)],
  n8n: ["n8n-nodes-base.switch"],
  run({ config, inputs }) {
    if (config.mode === "index") {
      const value = inputs[config.input];
      return leave(config, value === null || value === "" ? Number.NaN : Number(value));
    }
    const { rules } = config;
    const matcher = matcherFor(rules);
    if (!matcher) return leave(config, choose(rules, inputs, undefined));
    return matcher.then((loaded) => leave(config, choose(rules, inputs, loaded)));
  },
});
