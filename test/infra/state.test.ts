import { INDEXES, TABLE_KEY, TTL_ATTRIBUTE } from "@weft/db/indexes";
import { App, RemovalPolicy, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { describe, expect, test } from "vitest";
import { filesBucket } from "../../infra/constructs/files-bucket.ts";
import { buildApp, cdkContext, resources } from "../support/templates.ts";

const only = (type: string, stage: "dev" | "prod" = "dev") => {
  const found = resources(type, stage);
  expect(found).toHaveLength(1);
  return found[0]!;
};

describe("state stack", () => {
  test("logical ids are pinned: a changed id would replace the resource and its data", () => {
    const kept = [
      "AWS::DynamoDB::Table",
      "AWS::S3::Bucket",
      "AWS::KMS::Key",
      "AWS::Events::EventBus",
      "AWS::SQS::Queue",
    ];
    const ids = kept.flatMap((type) => resources(type).map((resource) => `${resource.stack} ${type} ${resource.id}`));
    expect(ids).toEqual([
      "state AWS::DynamoDB::Table TableCD117FA1",
      "state AWS::S3::Bucket FilesAccessLogsB443CF47",
      "state AWS::S3::Bucket Files8E6940B8",
      "state AWS::KMS::Key DataKey17AFBB84",
      "state AWS::Events::EventBus BusEA82B648",
      "state AWS::SQS::Queue FailedEventsA83487DA",
      "schedule AWS::SQS::Queue UserSchedulesFailed2AF2AF90",
    ]);
  });

  test("the table has the keys, indexes and TTL that the code names", () => {
    const { Properties } = only("AWS::DynamoDB::Table");
    const schema = (pk: string, sk: string) => [
      { AttributeName: pk, KeyType: "HASH" },
      { AttributeName: sk, KeyType: "RANGE" },
    ];
    expect(Properties.KeySchema).toEqual(schema(TABLE_KEY.pk, TABLE_KEY.sk));
    expect(
      Properties.GlobalSecondaryIndexes.map((index: { IndexName: string; KeySchema: unknown; Projection: unknown }) => [
        index.IndexName,
        index.KeySchema,
        index.Projection,
      ]),
    ).toEqual(Object.entries(INDEXES).map(([name, { pk, sk }]) => [name, schema(pk, sk), { ProjectionType: "ALL" }]));
    expect(Properties.TimeToLiveSpecification).toEqual({ AttributeName: TTL_ATTRIBUTE, Enabled: true });
  });

  test("the table can be restored and is encrypted with our key", () => {
    for (const stage of ["dev", "prod"] as const) {
      const { Properties } = only("AWS::DynamoDB::Table", stage);
      expect(Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).toBe(true);
      expect(Properties.SSESpecification).toMatchObject({ SSEEnabled: true, SSEType: "KMS" });
      expect(Properties.SSESpecification.KMSMasterKeyId["Fn::GetAtt"][0]).toBe(only("AWS::KMS::Key", stage).id);
    }
  });

  test("production keeps its data whatever happens to the stack", () => {
    expect(only("AWS::DynamoDB::Table", "prod").Properties.DeletionProtectionEnabled).toBe(true);
    const kept = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue"];
    for (const resource of kept.flatMap((type) => resources(type, "prod"))) {
      expect([resource.id, resource.DeletionPolicy, resource.UpdateReplacePolicy]).toEqual([
        resource.id,
        "Retain",
        "Retain",
      ]);
    }
  });

  test("buckets are private, versioned, encrypted, TLS only, with a lifecycle and without CORS", () => {
    const buckets = resources("AWS::S3::Bucket");
    expect(buckets.length).toBeGreaterThan(0);
    const policies = resources("AWS::S3::BucketPolicy");
    for (const { id, Properties } of buckets) {
      expect(Properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(Properties.VersioningConfiguration).toEqual({ Status: "Enabled" });
      expect(Properties.LifecycleConfiguration.Rules.length).toBeGreaterThan(0);
      expect(Properties.BucketEncryption).toBeDefined();
      expect(Properties.CorsConfiguration).toBeUndefined();
      const policy = policies.find((candidate) => candidate.Properties.Bucket.Ref === id);
      expect(policy?.Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
      );
    }
  });

  test("front ends that a stage names may use signed links to files, and no others", () => {
    const make = (browserOrigins: string[]) => {
      const stack = new Stack(new App({ context: cdkContext() }), "Test");
      filesBucket(stack, "Files", { key: new Key(stack, "Key"), removalPolicy: RemovalPolicy.DESTROY, browserOrigins });
      return Object.values(Template.fromStack(stack).findResources("AWS::S3::Bucket"));
    };
    const rules = make(["https://app.example.com"]).flatMap(
      ({ Properties }) => Properties.CorsConfiguration?.CorsRules ?? [],
    );
    expect(rules).toEqual([
      {
        AllowedOrigins: ["https://app.example.com"],
        AllowedMethods: ["GET", "PUT"],
        AllowedHeaders: ["content-type", "if-none-match"],
        ExposedHeaders: ["ETag"],
        MaxAge: 3_600,
      },
    ]);
    expect(() => make(["https://*.example.com"])).toThrow("named in full");
  });

  test("what is left of unfinished uploads goes by itself", () => {
    const rules = resources("AWS::S3::Bucket").flatMap(({ Properties }) => Properties.LifecycleConfiguration.Rules);
    expect(rules).toContainEqual(
      expect.objectContaining({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }),
    );
  });

  test("the key rotates and is of no use without an encryption context", () => {
    const { Properties } = only("AWS::KMS::Key");
    expect(Properties.EnableKeyRotation).toBe(true);
    const deny = Properties.KeyPolicy.Statement.find((statement: { Effect: string }) => statement.Effect === "Deny");
    expect(deny.Condition).toEqual({ Null: { "kms:EncryptionContextKeys": "true" } });
    expect(deny.Action).toEqual(expect.arrayContaining(["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]));
  });

  test("queues refuse plain HTTP and keep what failed for two weeks", () => {
    const queues = resources("AWS::SQS::Queue");
    const policies = resources("AWS::SQS::QueuePolicy");
    for (const { id, Properties } of queues) {
      expect([id, Properties.MessageRetentionPeriod]).toEqual([id, 14 * 24 * 60 * 60]);
      const policy = policies.find((found) => JSON.stringify(found.Properties.Queues).includes(id));
      expect(policy?.Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
      );
    }
    expect(policies).toHaveLength(queues.length);
  });

  test("only the state stack is protected from deletion, and only where data matters", () => {
    const protectedStacks = (stage: "dev" | "prod") => {
      const { app: _, ...stacks } = buildApp(stage);
      return Object.entries(stacks).flatMap(([name, stack]) => (stack.terminationProtection ? [name] : []));
    };
    expect(protectedStacks("prod")).toEqual(["state"]);
    expect(protectedStacks("dev")).toEqual([]);
  });
});
