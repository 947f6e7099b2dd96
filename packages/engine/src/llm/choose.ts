import { recordIn } from "./reply.ts";

/** One of the things that a model chooses from. */
export interface Choice {
  name: string;
  description?: string | undefined;
}

/** Choices as a list that begins with 1. */
export function numbered(choices: readonly Choice[]): string {
  return choices
    .map(({ name, description }, at) => `${at + 1}. ${name}${description ? `: ${description}` : ""}`)
    .join("\n");
}

/** A number from 1 to `count` that a value means; undefined where it means none. */
function numberIn(value: unknown, count: number): number | undefined {
  const number = typeof value === "number" ? value : /^\s*\d{1,6}\s*$/.test(String(value)) ? Number(value) : Number.NaN;
  return Number.isInteger(number) && number >= 0 && number <= count ? number : undefined;
}

function named(text: string, choices: readonly Choice[]): number | undefined {
  const wanted = text.trim().toLowerCase();
  const at = choices.findIndex(({ name }) => name.trim().toLowerCase() === wanted);
  return at < 0 ? undefined : at + 1;
}

/**
 * Which choice a reply means, counted from 1, and 0 for none: the member of a JSON object, the reply itself as a number or
 * a name, else the first number in it. Undefined where it says nothing of the kind.
 */
export function choiceIn(reply: string, choices: readonly Choice[], member: string): number | undefined {
  const count = choices.length;
  const value = recordIn(reply)?.[member];
  const said = value === undefined ? reply : value;
  const direct = numberIn(said, count) ?? named(String(said), choices);
  if (direct !== undefined) return direct;
  const first = /\d{1,6}/.exec(String(said))?.[0];
  return first === undefined ? undefined : numberIn(first, count);
}

/** Every choice that a reply names in the list of a JSON object, or as {@link choiceIn} where there is none. */
export function choicesIn(reply: string, choices: readonly Choice[], member: string): number[] | undefined {
  const value = recordIn(reply)?.[member];
  if (!Array.isArray(value)) {
    const one = choiceIn(reply, choices, member);
    return one === undefined ? undefined : [one].filter((number) => number > 0);
  }
  const found = value.map((item) => numberIn(item, choices.length) ?? named(String(item), choices));
  return [...new Set(found.filter((number) => number !== undefined && number > 0))] as number[];
}
