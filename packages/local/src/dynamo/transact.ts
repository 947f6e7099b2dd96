import { createHash } from "node:crypto";
import db from "dynalite/db/index.js";
import { type ActionName, runNow, validate } from "./actions.ts";
import type { Database } from "./database.ts";
import { DynamoError, dynamoError, validationError } from "./errors.ts";
import { itemBytes } from "./item-size.ts";
import { itemRow, type Plan, planWrite, Recorder } from "./plan.ts";
import type { Tokens } from "./tokens.ts";
import type { Input, Item } from "./types.ts";

/** DynamoDB's limits for one transaction. */
const MAX_TRANSACTION_ITEMS = 100;
const MAX_TRANSACTION_BYTES = 4 * 1024 * 1024;
const MAX_TOKEN_LENGTH = 36;

const ACTIONS: Record<string, ActionName> = {
  Put: "putItem",
  Update: "updateItem",
  Delete: "deleteItem",
  ConditionCheck: "deleteItem",
};

interface Step {
  kind: string;
  data: Input;
  returnsOld: boolean;
}

interface Reason {
  Code: string;
  Message?: string;
  Item?: Item;
}

/** TransactWriteItems: every condition first, then all rows of all items and the token in one batch. */
export async function transactWrite(database: Database, tokens: Tokens, input: Input): Promise<Input> {
  const token = readToken(input.ClientRequestToken);
  const digest = token === undefined ? "" : digestOf(input);
  const steps = readSteps(input.TransactItems);
  if (token !== undefined && tokens.repeats(token, digest)) {
    await database.commits.settled();
    return answer(steps, input);
  }
  const { plans, reasons, sawPending } = planAll(database, steps);
  if (reasons.some(({ Code }) => Code !== "None")) {
    if (sawPending) await database.commits.settled();
    throw canceled(reasons);
  }
  const ops = plans.flatMap((plan, at) => (steps[at]?.kind === "ConditionCheck" ? [] : plan.ops));
  if (token !== undefined) ops.push(...tokens.record(token, digest));
  await database.commits.write(ops);
  return answer(steps, input);
}

function planAll(database: Database, steps: Step[]): { plans: Plan[]; reasons: Reason[]; sawPending: boolean } {
  for (const { data } of steps) database.table(String(data.TableName));
  refuseRepeatedItems(database, steps);
  const plans: Plan[] = [];
  const reasons: Reason[] = [];
  let sawPending = false;
  for (const step of steps) {
    const recorder = new Recorder(database);
    try {
      plans.push(planWrite(recorder, ACTIONS[step.kind] as ActionName, step.data));
      reasons.push({ Code: "None" });
    } catch (error) {
      reasons.push(reasonOf(error, recorder.before, step.returnsOld));
    }
    sawPending ||= recorder.sawPending;
  }
  return { plans, reasons, sawPending };
}

function reasonOf(error: unknown, before: Item | undefined, returnsOld: boolean): Reason {
  if (!(error instanceof DynamoError)) throw error;
  const Message = error.message;
  if (error.code === "ValidationException") return { Code: "ValidationError", Message };
  if (error.code !== "ConditionalCheckFailedException") throw error;
  return { Code: "ConditionalCheckFailed", Message, ...(returnsOld && before && { Item: before }) };
}

function canceled(CancellationReasons: Reason[]): DynamoError {
  const codes = CancellationReasons.map(({ Code }) => Code).join(", ");
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return dynamoError("TransactionCanceledException", message, { Message: message, CancellationReasons });
}

/** Checks the shape of every item before anything is read. */
function readSteps(given: unknown): Step[] {
  const entries = readEntries(given);
  const steps = entries.map((entry) => {
    const kinds = Object.keys(ACTIONS).filter((kind) => entry[kind] !== undefined && entry[kind] !== null);
    const [kind] = kinds;
    if (kind === undefined || kinds.length !== 1) {
      throw validationError("TransactItems can only contain one of Check, Put, Update or Delete");
    }
    return readStep(kind, entry[kind] as Input);
  });
  const bytes = steps.reduce((sum, { data }) => sum + itemBytes((data.Item ?? data.Key) as Item), 0);
  if (bytes > MAX_TRANSACTION_BYTES) {
    throw validationError("Transaction size cannot exceed 4 MB");
  }
  return steps;
}

function readStep(kind: string, input: Input): Step {
  for (const field of kind === "Update"
    ? ["UpdateExpression"]
    : kind === "ConditionCheck"
      ? ["ConditionExpression"]
      : []) {
    if (typeof input[field] !== "string") {
      throw validationError(`The ${field} parameter is required for ${kind} in a transaction`);
    }
  }
  const returnsOld = input.ReturnValuesOnConditionCheckFailure === "ALL_OLD";
  return { kind, data: validate(ACTIONS[kind] as ActionName, input), returnsOld };
}

function readEntries(given: unknown): Input[] {
  const count = Array.isArray(given) ? given.length : 0;
  if (!Array.isArray(given) || count === 0 || count > MAX_TRANSACTION_ITEMS) {
    const bound = count === 0 ? "greater than or equal to 1" : `less than or equal to ${MAX_TRANSACTION_ITEMS}`;
    throw validationError(
      "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: " +
        `Member must have length ${bound}`,
    );
  }
  return given.map((entry) => (entry ?? {}) as Input);
}

/** Keys that do not fit their table are left to the step itself, which names them in its reason. */
function refuseRepeatedItems(database: Database, steps: Step[]): void {
  const seen = new Set<string>();
  for (const { data } of steps) {
    const table = database.table(String(data.TableName));
    const fits = data.Item ? !db.validateItem(data.Item as Item, table) : !db.validateKey(data.Key as Item, table);
    if (!fits) continue;
    const row = itemRow(table, (data.Item ?? data.Key) as Item);
    if (seen.has(row)) throw validationError("Transaction request cannot include multiple operations on one item");
    seen.add(row);
  }
}

function readToken(token: unknown): string | undefined {
  if (token === undefined || token === null) return;
  if (typeof token === "string" && token.length > 0 && token.length <= MAX_TOKEN_LENGTH) return token;
  throw validationError(
    "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: " +
      `Member must have length between 1 and ${MAX_TOKEN_LENGTH}`,
  );
}

function digestOf({ ClientRequestToken: _token, ...rest }: Input): string {
  return createHash("sha256")
    .update(JSON.stringify(rest, (_key, value) => sortedKeys(value)))
    .digest("base64url");
}

function sortedKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A transaction is billed two units for each item of up to 1 KB written, or 4 KB read. */
function answer(steps: readonly { data: Input }[], input: Input): Input {
  if (input.ReturnConsumedCapacity !== "TOTAL" && input.ReturnConsumedCapacity !== "INDEXES") return {};
  const units = new Map<string, number>();
  for (const { data } of steps) {
    const table = String(data.TableName);
    const kilobytes = Math.ceil(itemBytes((data.Item ?? data.Key) as Item) / 1024);
    units.set(table, (units.get(table) ?? 0) + 2 * kilobytes);
  }
  return { ConsumedCapacity: [...units].map(([TableName, CapacityUnits]) => ({ TableName, CapacityUnits })) };
}

/** TransactGetItems: all items as they stand at one moment. */
export async function transactGet(database: Database, input: Input): Promise<Input> {
  const gets = readEntries(input.TransactItems).map((entry) => {
    if (!entry.Get) throw validationError("TransactItems must contain Get");
    return { data: validate("getItem", entry.Get as Input) };
  });
  let sawPending = false;
  const reasons: Reason[] = [];
  const responses: Input[] = [];
  for (const { data } of gets) {
    const recorder = new Recorder(database);
    try {
      responses.push(runNow("getItem", recorder, data));
      reasons.push({ Code: "None" });
    } catch (error) {
      reasons.push(reasonOf(error, undefined, false));
    }
    sawPending ||= recorder.sawPending;
  }
  if (sawPending) await database.commits.settled();
  if (reasons.some(({ Code }) => Code !== "None")) throw canceled(reasons);
  const Responses = responses.map(({ Item }) => (Item === undefined ? {} : { Item }));
  return { Responses, ...answer(gets, input) };
}
