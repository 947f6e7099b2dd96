import { type IResolvable, Reference, Stack, Tokenization, Validations } from "aws-cdk-lib";
import type { Construct } from "constructs";

/**
 * Acknowledges cdk-nag's finding about one wildcard resource, and no other, on the construct that holds the policy. The
 * finding's id is the ARN as it stands in the template, so references are written here as cdk-nag will write them.
 */
export function acknowledgeWildcard(scope: Construct, arn: string, reason: string): void {
  const written = Tokenization.reverseString(arn)
    .mapTokens({ mapToken: (token: IResolvable) => templateName(token, Stack.of(scope)) })
    .join({ join: (left, right) => `${left ?? ""}${right ?? ""}` });
  Validations.of(scope).acknowledge({ id: `AwsSolutions-IAM5[Resource::${written}]`, reason });
}

function templateName(token: IResolvable, consumer: Stack): string {
  const producer = Reference.isReference(token) ? Stack.of(token.target) : consumer;
  const resolved = consumer.resolve(producer === consumer ? token : producer.exportValue(token));
  if (resolved["Fn::ImportValue"]) return resolved["Fn::ImportValue"];
  if (resolved.Ref) return `<${resolved.Ref}>`;
  return `<${resolved["Fn::GetAtt"].join(".")}>`;
}
