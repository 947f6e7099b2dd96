import type { RemovalPolicy } from "aws-cdk-lib";
import { Aws } from "aws-cdk-lib";
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

/** The key of the table, the files and the alarm topic: rotated yearly, and of no use without an encryption context. */
export function dataKey(scope: Construct, id: string, props: { removalPolicy: RemovalPolicy }): Key {
  const key = new Key(scope, id, {
    description: "Weft data at rest",
    enableKeyRotation: true,
    removalPolicy: props.removalPolicy,
  });
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: "RequireEncryptionContext",
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"],
      resources: ["*"],
      conditions: { Null: { "kms:EncryptionContextKeys": "true" } },
    }),
  );
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: "AlarmsPublishToTheirTopic",
      principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
      actions: ["kms:Decrypt", "kms:GenerateDataKey"],
      resources: ["*"],
      conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
    }),
  );
  return key;
}
