import type { DateTime, DateTimeUnit, DurationUnit } from "luxon";
import * as z from "zod";
import { isReadable, type Luxon, readTime, zoneName } from "../data/dates.ts";
import { refuse } from "../items/items.ts";
import { defineNode, type NodeDone, type NodeRun } from "../node.ts";

const UNITS = ["years", "quarters", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"] as const;
const STARTS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"] as const;
const PARTS = [
  "year",
  "quarter",
  "month",
  "weekNumber",
  "day",
  "hour",
  "minute",
  "second",
  "millisecond",
  "weekday",
  "ordinal",
] as const;
/** Largest amount of any unit that is added. */
const MAX_AMOUNT = 1e12;
const MAX_FORMAT = 100;

const input = z.string().min(1).max(128).default("date");
const zone = zoneName.default("UTC");
const locale = z
  .string()
  .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/, "a locale is a tag such as en-US")
  .default("en-US");
const amount = z.union([z.number().min(-MAX_AMOUNT).max(MAX_AMOUNT), z.strictObject({ input: z.string() })]);

const config = z.discriminatedUnion("operation", [
  /** The time at which the node runs. */
  z.strictObject({ operation: z.literal("now"), zone }),
  /** Reads a time, in the usual forms or by a format of Luxon's tokens; `zone` is what a text without one means. */
  z.strictObject({
    operation: z.literal("parse"),
    input,
    zone,
    format: z
      .string()
      .min(1)
      .max(MAX_FORMAT)
      .refine(isReadable, "a format to read by uses each letter in one place")
      .optional(),
  }),
  z.strictObject({
    operation: z.literal("format"),
    input,
    zone,
    locale,
    format: z.string().min(1).max(MAX_FORMAT),
  }),
  z.strictObject({
    operation: z.literal("add"),
    input,
    zone,
    amounts: z
      .array(z.strictObject({ unit: z.enum(UNITS), amount }))
      .min(1)
      .max(UNITS.length),
    /** Takes away instead. */
    subtract: z.boolean().default(false),
  }),
  z.strictObject({
    operation: z.literal("diff"),
    from: z.string().min(1).max(128).default("from"),
    to: z.string().min(1).max(128).default("to"),
    zone,
    units: z.array(z.enum(UNITS)).min(1).max(UNITS.length).default(["days"]),
  }),
  z.strictObject({
    operation: z.literal("round"),
    input,
    zone,
    to: z.enum(STARTS),
    edge: z.enum(["start", "end"]).default("start"),
  }),
  z.strictObject({ operation: z.literal("part"), input, zone, part: z.enum(PARTS) }),
]);
type Config = z.output<typeof config>;

function amountOf(value: z.output<typeof amount>, inputs: Record<string, unknown>): number {
  const number = typeof value === "number" ? value : Number(inputs[value.input] ?? Number.NaN);
  if (!Number.isFinite(number) || Math.abs(number) > MAX_AMOUNT)
    throw refuse("invalid_value", "the amount is no number");
  return number;
}

function given(time: DateTime): NodeDone {
  if (!time.isValid) throw refuse("invalid_date", "the time is beyond what can be written");
  return { output: { output: time.toISO(), epochMs: time.toMillis() } };
}

function diff(
  luxon: Luxon,
  { from, to, zone, units }: Extract<Config, { operation: "diff" }>,
  inputs: Record<string, unknown>,
): NodeDone {
  const span = readTime(luxon, inputs[to], zone).diff(readTime(luxon, inputs[from], zone), [
    ...units,
  ] as DurationUnit[]);
  const parts = Object.fromEntries(units.map((unit) => [unit, span.get(unit as DurationUnit)]));
  return { output: { output: units.length === 1 ? parts[units[0] as string] : parts, epochMs: span.toMillis() } };
}

function compute(luxon: Luxon, run: NodeRun<Config>): NodeDone {
  const { config, inputs } = run;
  if (config.operation === "now") return given(luxon.DateTime.fromMillis(run.now(), { zone: config.zone }));
  if (config.operation === "diff") return diff(luxon, config, inputs);
  const format = config.operation === "parse" ? config.format : undefined;
  const time = readTime(luxon, inputs[config.input], config.zone, format);
  switch (config.operation) {
    case "parse":
      return given(time);
    case "format":
      return { output: { output: time.setLocale(config.locale).toFormat(config.format), epochMs: time.toMillis() } };
    case "add": {
      const amounts = Object.fromEntries(config.amounts.map((one) => [one.unit, amountOf(one.amount, inputs)]));
      return given(config.subtract ? time.minus(amounts) : time.plus(amounts));
    }
    case "round":
      return given(
        config.edge === "start" ? time.startOf(config.to as DateTimeUnit) : time.endOf(config.to as DateTimeUnit),
      );
    case "part":
      return { output: { output: time[config.part], epochMs: time.toMillis() } };
  }
}

function uses(config: Config): string[] {
  if (config.operation === "now") return [];
  if (config.operation === "diff") return [config.from, config.to];
  const amounts = config.operation === "add" ? config.amounts : [];
  return [config.input, ...amounts.flatMap((one) => (typeof one.amount === "object" ? [one.amount.input] : []))];
}

export const dateTime = defineNode({
  type: "date_time",
  title: "Date and time",
  description: "Reads, writes, adds, compares and rounds times, in any zone of the IANA database.",
  category: "data",
  config,
  // The clock gives another answer each time it is asked.
  effectful: ({ operation }) => operation === "now",
  outputs: ({ operation }) => [
    { name: "output", type: { type: operation === "diff" || operation === "part" ? "any" : "string" } },
    { name: "epochMs", type: { type: "integer" } },
  ],
  uses,
  n8n: ["n8n-nodes-base.dateTime"],
  async run(run) {
    return compute(await import("luxon"), run);
  },
});
