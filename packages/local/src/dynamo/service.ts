import { type Clock, systemClock } from "@weft/kernel/clock";
import { type ActionName, runAction, runNow, validate } from "./actions.ts";
import { type Account, Database } from "./database.ts";
import { DynamoError } from "./errors.ts";
import { itemsOf } from "./item-counts.ts";
import { planWrite, Recorder } from "./plan.ts";
import { getItem, type RawJson, Reader } from "./read.ts";
import { createTable, deleteTable, describeTable, listTables, updateTable } from "./tables.ts";
import { Tokens } from "./tokens.ts";
import { transactGet, transactWrite } from "./transact.ts";
import { describeTimeToLive, sweepExpired, updateTimeToLive } from "./ttl.ts";
import type { Input } from "./types.ts";

/** How often expired items are looked for. */
const SWEEP_INTERVAL_MS = 60_000;

export interface DynamoOptions {
  /** The folder of the data; without it everything is in memory. */
  path?: string | undefined;
  clock?: Clock;
  account?: Account;
  /** 0 switches the sweeper off; `sweep` still works. */
  sweepIntervalMs?: number;
}

type Operation = (input: Input) => Input | RawJson | Promise<Input | RawJson>;

/** DynamoDB's operations over one {@link Database}, without their wire protocol. */
export class DynamoService {
  /** How often each operation was asked for since the start. */
  readonly requests: Record<string, number> = {};
  /** How many items these requests read or wrote. */
  readonly items: Record<string, number> = {};
  readonly #database: Database;
  readonly #tokens: Tokens;
  readonly #clock: Clock;
  readonly #operations: Record<string, Operation>;
  readonly #timer: NodeJS.Timeout | undefined;

  private constructor(database: Database, tokens: Tokens, clock: Clock, sweepIntervalMs: number) {
    this.#database = database;
    this.#tokens = tokens;
    this.#clock = clock;
    this.#operations = { ...this.#itemOperations(), ...this.#tableOperations() };
    if (sweepIntervalMs > 0) {
      this.#timer = setInterval(() => this.sweep().catch((error) => console.error(error)), sweepIntervalMs).unref();
    }
  }

  static async open(options: DynamoOptions = {}): Promise<DynamoService> {
    const clock = options.clock ?? systemClock;
    const account = options.account ?? { accountId: "000000000000", region: process.env.AWS_REGION ?? "us-east-1" };
    const database = await Database.open(options.path, account);
    const tokens = await Tokens.load(database, clock);
    return new DynamoService(database, tokens, clock, options.sweepIntervalMs ?? SWEEP_INTERVAL_MS);
  }

  /** Answers one request; throws {@link DynamoError} where DynamoDB refuses. */
  async call(operation: string, input: Input): Promise<Input | RawJson> {
    const run = Object.hasOwn(this.#operations, operation) ? this.#operations[operation] : undefined;
    if (!run) throw new DynamoError({ __type: "com.amazon.coral.service#UnknownOperationException" });
    this.requests[operation] = (this.requests[operation] ?? 0) + 1;
    const result = await run(input);
    this.items[operation] = (this.items[operation] ?? 0) + itemsOf(operation, input, result);
    return result;
  }

  /** Deletes expired items and tokens now; resolves to the number of items. */
  async sweep(): Promise<number> {
    const ops = this.#tokens.expire();
    if (ops.length > 0) await this.#database.commits.write(ops);
    return sweepExpired(this.#database, this.#clock);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#database.close();
  }

  #itemOperations(): Record<string, Operation> {
    const database = this.#database;
    const read = (name: ActionName) => (input: Input) => {
      const data = validate(name, input);
      return runAction(name, new Reader(database, data), data);
    };
    return {
      GetItem: (input) => getItem(database, validate("getItem", input)),
      BatchGetItem: read("batchGetItem"),
      Query: read("query"),
      Scan: read("scan"),
      PutItem: (input) => this.#write("putItem", input),
      UpdateItem: (input) => this.#write("updateItem", input),
      DeleteItem: (input) => this.#write("deleteItem", input),
      BatchWriteItem: (input) => this.#writeMany(input),
      TransactWriteItems: (input) => transactWrite(database, this.#tokens, input),
      TransactGetItems: (input) => transactGet(database, input),
    };
  }

  #tableOperations(): Record<string, Operation> {
    const database = this.#database;
    const named = (answer: (tableName: string) => Input) => (input: Input) => {
      database.table(String(input.TableName));
      return answer(String(input.TableName));
    };
    const backups = {
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: "ENABLED",
        PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "DISABLED" },
      },
    };
    return {
      CreateTable: (input) => createTable(database, input),
      UpdateTable: (input) => updateTable(database, input),
      DeleteTable: (input) => deleteTable(database, input),
      DescribeTable: (input) => describeTable(database, input),
      ListTables: (input) => listTables(database, input),
      UpdateTimeToLive: (input) => updateTimeToLive(database, input),
      DescribeTimeToLive: (input) => describeTimeToLive(database, input),
      // What has no meaning on one machine is accepted and changes nothing.
      DescribeContinuousBackups: named(() => backups),
      UpdateContinuousBackups: named(() => backups),
      DescribeContributorInsights: named((TableName) => ({ TableName, ContributorInsightsStatus: "DISABLED" })),
      DescribeKinesisStreamingDestination: named((TableName) => ({ TableName, KinesisDataStreamDestinations: [] })),
      DescribeTableReplicaAutoScaling: (input) => ({
        TableAutoScalingDescription: describeTable(database, input).Table,
      }),
      DescribeEndpoints: () => ({ Endpoints: [] }),
      TagResource: () => ({}),
      UntagResource: () => ({}),
      ListTagsOfResource: () => ({ Tags: [] }),
    };
  }

  async #write(action: ActionName, input: Input): Promise<Input> {
    const { commits } = this.#database;
    const data = validate(action, input);
    const recorder = new Recorder(this.#database);
    try {
      const { ops, result } = planWrite(recorder, action, data);
      await commits.write(ops);
      return result;
    } catch (error) {
      // A refusal may rest on a write that is still on its way: it must not be told before that write is safe.
      if (recorder.sawPending) await commits.settled();
      throw withOldItem(error, input, recorder);
    }
  }

  async #writeMany(input: Input): Promise<Input> {
    const recorder = new Recorder(this.#database);
    const result = runNow("batchWriteItem", recorder, validate("batchWriteItem", input));
    await this.#database.commits.write(recorder.ops);
    return result;
  }
}

function withOldItem(error: unknown, input: Input, { before }: Recorder): unknown {
  if (!(error instanceof DynamoError) || error.code !== "ConditionalCheckFailedException") return error;
  if (input.ReturnValuesOnConditionCheckFailure !== "ALL_OLD" || before === undefined) return error;
  return new DynamoError({ ...error.body, Item: before }, error.statusCode);
}
