/** One typed value as DynamoDB's wire protocol writes it: `{S: "x"}`, `{N: "1"}`, `{M: {…}}`. */
export type AttributeValue = Record<string, unknown>;

export type Item = Record<string, AttributeValue>;

export type KeySchema = { AttributeName: string; KeyType: string }[];

/** An index of a table, as DescribeTable shows it. */
export interface TableIndex {
  IndexName: string;
  KeySchema: KeySchema;
}

/** A table as it is stored and as DescribeTable shows it. */
export interface Table {
  TableName: string;
  TableArn: string;
  TableStatus: string;
  KeySchema: KeySchema;
  AttributeDefinitions: { AttributeName: string; AttributeType: string }[];
  GlobalSecondaryIndexes?: TableIndex[];
  LocalSecondaryIndexes?: TableIndex[];
}

/** A request's body after parsing: what it holds is checked by dynalite's validations before use. */
export type Input = Record<string, unknown>;

/** A change of one row of the store. */
export type Op = { type: "put"; key: string; value: string } | { type: "del"; key: string };
