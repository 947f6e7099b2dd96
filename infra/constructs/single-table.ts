import { INDEXES, TABLE_KEY, TTL_ATTRIBUTE } from "@weft/db/indexes";
import type { RemovalPolicy } from "aws-cdk-lib";
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

export interface SingleTableProps {
  readonly key: IKey;
  readonly removalPolicy: RemovalPolicy;
  readonly deletionProtection: boolean;
  readonly recoveryDays: number;
  readonly maxUnits: number;
}

const string = (name: string) => ({ name, type: AttributeType.STRING });

/** The one table, with the keys and indexes that the code names. */
export function singleTable(scope: Construct, id: string, props: SingleTableProps): Table {
  const table = new Table(scope, id, {
    partitionKey: string(TABLE_KEY.pk),
    sortKey: string(TABLE_KEY.sk),
    billingMode: BillingMode.PAY_PER_REQUEST,
    maxReadRequestUnits: props.maxUnits,
    maxWriteRequestUnits: props.maxUnits,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey: props.key,
    timeToLiveAttribute: TTL_ATTRIBUTE,
    pointInTimeRecoverySpecification: {
      pointInTimeRecoveryEnabled: true,
      recoveryPeriodInDays: props.recoveryDays,
    },
    deletionProtection: props.deletionProtection,
    removalPolicy: props.removalPolicy,
  });
  for (const [indexName, index] of Object.entries(INDEXES)) {
    table.addGlobalSecondaryIndex({
      indexName,
      partitionKey: string(index.pk),
      sortKey: string(index.sk),
      projectionType: ProjectionType.ALL,
      maxReadRequestUnits: props.maxUnits,
      maxWriteRequestUnits: props.maxUnits,
    });
  }
  return table;
}
