import { createRequire } from "node:module";
import validations from "dynalite/validations/index.js";
import { asDynamoError } from "./errors.ts";
import type { Input } from "./types.ts";

/** DynamoDB's limit on one item: 400 KB, names included. */
export const MAX_ITEM_BYTES = 409_600;

/** dynalite's options as its actions read them; tables become ready at once instead of after its half second. */
export const DYNALITE_OPTIONS = {
  createTableMs: 0,
  deleteTableMs: 0,
  updateTableMs: 0,
  maxItemSize: MAX_ITEM_BYTES,
};

export type ActionName =
  | "batchGetItem"
  | "batchWriteItem"
  | "createTable"
  | "deleteItem"
  | "describeTable"
  | "getItem"
  | "putItem"
  | "query"
  | "scan"
  | "updateItem"
  | "updateTable";

type Callback = (error: unknown, result?: Input) => void;
type Action = (store: object, data: Input, done: Callback) => void;
interface Shape {
  types: object;
  custom?: unknown;
}

const require = createRequire(import.meta.url);
const loaded = new Map<ActionName, { run: Action; shape: Shape }>();

function load(name: ActionName): { run: Action; shape: Shape } {
  let action = loaded.get(name);
  if (!action) {
    const run = require(`dynalite/actions/${name}.js`) as Action;
    action = { run, shape: require(`dynalite/validations/${name}.js`) as Shape };
    loaded.set(name, action);
  }
  return action;
}

/** Checks an operation's input as DynamoDB does, parses its expressions, and drops what dynalite does not know. */
export function validate(name: ActionName, input: Input): Input {
  const { shape } = load(name);
  try {
    const data = validations.checkTypes({ ...input }, shape.types);
    validations.checkValidations(data, shape.types, shape.custom, { options: DYNALITE_OPTIONS });
    return data;
  } catch (error) {
    throw asDynamoError(error);
  }
}

/** Runs one of dynalite's actions over a store that answers at once, so that nothing can come in between. */
export function runNow(name: ActionName, store: object, data: Input): Input {
  let outcome: { error: unknown; result: Input | undefined } | undefined;
  load(name).run(store, data, (error, result) => {
    outcome = { error, result };
  });
  if (!outcome) throw new Error(`dynalite's ${name} did not answer at once`);
  if (outcome.error) throw asDynamoError(outcome.error);
  return outcome.result ?? {};
}

/** Runs one of dynalite's actions that reads in steps. */
export function runAction(name: ActionName, store: object, data: Input): Promise<Input> {
  return new Promise((resolve, reject) => {
    load(name).run(store, data, (error, result) => {
      if (error) reject(asDynamoError(error));
      else resolve(result ?? {});
    });
  });
}
