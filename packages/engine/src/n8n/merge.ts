import { record, records, text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import { type Mapper, one, quote, words } from "./parameters.ts";
import type { Pairs } from "./ports.ts";

/** The names by which expressions read the items of the inputs. */
const namesOf = (count: number): string[] =>
  Array.from({ length: count }, (_none, at) => (at === 0 ? "items" : `items${at}`));

function keysOf(context: NodeContext): { left: string; right: string }[] {
  const { parameters } = context.node;
  if (parameters.propertyName1 !== undefined) {
    return [{ left: text(parameters.propertyName1) ?? "", right: text(parameters.propertyName2) ?? "" }];
  }
  const listed = record(parameters.mergeByFields).values;
  if (Array.isArray(listed))
    return records(listed).map((pair) => ({ left: text(pair.field1) ?? "", right: text(pair.field2) ?? "" }));
  return words(parameters.fieldsToMatchString ?? parameters.fieldsToMatch).map((name) => ({ left: name, right: name }));
}

/** How members that both have are settled. */
function clash(context: NodeContext): { prefer: string; isShallow: boolean } {
  const given = record(record(record(context.node.parameters.options).clashHandling).values);
  const how = text(given.resolveClash) ?? "preferLast";
  if (how === "addSuffix") context.notes.block("members that get a suffix have no counterpart");
  if (given.overrideEmpty === true) context.notes.change("an empty value wins over one that is not");
  return { prefer: how === "preferInput1" ? "left" : "right", isShallow: given.mergeMode === "shallowMerge" };
}

/** Two lists as one, by pairs of their places. */
function joined(context: NodeContext, pairs: string, prefer: string, isShallow: boolean): Piece {
  const [a = "[]", b = "[]"] = namesOf(context.inputCount);
  const side = (at: number) => context.over(`$items_pair_places(${pairs}, ${at})`);
  return one(
    context,
    `$items_of_pairs(${a}, ${b}, ${pairs}, ${quote(prefer)}, ${isShallow})`,
    context.inputCount > 1 ? [side(0), side(1)] : [side(0)],
  );
}

function byKey(context: NodeContext, join: string, from: string): Piece {
  const [a = "[]", b = "[]"] = namesOf(context.inputCount);
  const { options } = context.node.parameters;
  if (record(options).fuzzyCompare === true) context.notes.change("texts and numbers that look alike are not equal");
  const isFirst = record(options).multipleMatches === "first";
  const found = `$items_key_pairs(${a}, ${b}, ${quote(keysOf(context))}, ${quote(join)}, ${isFirst})`;
  const { prefer, isShallow } = clash(context);
  return joined(context, from === "both" ? found : `$items_pairs_from(${found}, ${quote(from)})`, prefer, isShallow);
}

/** The items of one input. */
function only(context: NodeContext, input: number): Piece {
  const name = namesOf(context.inputCount)[input];
  const nothing = context.over("[]");
  const pairs = namesOf(context.inputCount).map((own, at) =>
    at === input ? context.over(`$items_places(${own})`) : nothing,
  );
  return one(context, name ?? "[]", pairs);
}

function appended(context: NodeContext): Piece {
  const names = namesOf(context.inputCount);
  const pairs: Pairs = names.map((_name, at) => context.over(`$items_append_places(${at}, ${names.join(", ")})`));
  return one(context, `$items_joined(${names.join(", ")})`, pairs);
}

/** Modes of n8n's first merge node that join by fields: the join here and whose items are given. */
const FIRST: Readonly<Record<string, readonly [join: string, from: string]>> = {
  keepKeyMatches: ["keepMatches", "input1"],
  removeKeyMatches: ["keepNonMatches", "input1"],
  mergeByKey: ["enrichInput1", "both"],
};

export const merge: Mapper = (context) => {
  const { parameters, version } = context.node;
  const mode = text(parameters.mode) ?? "append";
  const by =
    text(parameters.combineBy) ?? text(parameters.combinationMode) ?? (mode === "combine" ? "combineByFields" : mode);
  const { prefer, isShallow } = clash(context);
  const [a = "[]", b = "[]"] = namesOf(context.inputCount);
  if (context.inputCount > 2 && by !== "append" && by !== "chooseBranch")
    context.notes.block("more than two inputs can only be put one behind the other");
  const first = version < 2 && Object.hasOwn(FIRST, by) ? FIRST[by] : undefined;
  if (first) return byKey(context, ...first);
  switch (by) {
    case "append":
      return appended(context);
    case "combineByPosition":
    case "mergeByPosition":
    case "mergeByIndex": {
      const join = version < 2 ? (text(parameters.join) ?? "left") : "inner";
      const isAll = record(parameters.options).includeUnpaired === true || join === "outer";
      const keep = isAll ? true : join === "left" ? "left" : false;
      return joined(context, `$items_position_pairs(${a}, ${b}, ${quote(keep)})`, prefer, version < 2 || isShallow);
    }
    case "combineAll":
    case "multiplex":
      return joined(context, `$items_every_pair(${a}, ${b})`, prefer, isShallow);
    case "combineByFields":
    case "mergeByFields": {
      const join = text(parameters.joinMode) ?? "keepMatches";
      const isOneSided = join === "keepMatches" || join === "keepNonMatches";
      return byKey(context, join, isOneSided ? (text(parameters.outputDataFrom) ?? "both") : "both");
    }
    case "chooseBranch":
    case "passThrough":
    case "wait": {
      if (parameters.output === "empty") return one(context, "[{}]", "none");
      const wanted = parameters.output === "input2" ? 2 : Number(parameters.useDataOfInput ?? 1) || 1;
      return only(context, wanted - 1);
    }
    default:
      context.notes.block(`the mode "${by}" has no counterpart`);
      return appended(context);
  }
};

/** What two lists have in common and what they do not, by four outputs. */
export const compareDatasets: Mapper = (context) => {
  const { parameters } = context.node;
  const keys = keysOf(context);
  const [a = "[]", b = "[]"] = namesOf(context.inputCount);
  const exclude = words(record(parameters.options).skipFields);
  const when = text(parameters.resolve) ?? "preferInput2";
  if (when === "mix" || when === "includeBoth")
    context.notes.block(`differences that are resolved by "${when}" are not known`);
  if (parameters.fuzzyCompare === true || record(parameters.options).fuzzyCompare === true)
    context.notes.change("texts and numbers that look alike are not equal");
  const isFirst = record(parameters.options).multipleMatches !== "all";
  const pairs = `$items_key_pairs(${a}, ${b}, ${quote(keys)}, "keepEverything", ${isFirst})`;
  const sides = ["leftOnly", "same", "different", "rightOnly"];
  const from = when === "preferInput1" ? "left" : "right";
  const lists = sides.map((side) =>
    context.over(`$items_compared(${a}, ${b}, ${pairs}, ${quote(side)}, ${quote(exclude)}, ${quote(from)})`),
  );
  return context.transform(
    lists,
    sides.map((): Pairs => "none"),
  );
};
