import { Stack, type StackProps } from "aws-cdk-lib";
import type { RestApi } from "aws-cdk-lib/aws-apigateway";
import type { Construct } from "constructs";
import { functions } from "../../functions/manifest.ts";
import { FunctionSet, type FunctionSetProps } from "../constructs/function-set.ts";
import { Gateway } from "../constructs/gateway.ts";

export interface ApiStackProps extends StackProps, FunctionSetProps {}

/** The REST API and the functions behind it. */
export class ApiStack extends Stack {
  readonly api: RestApi;
  readonly functions: FunctionSet;

  constructor(scope: Construct, id: string, props: ApiStackProps) {
    super(scope, id, props);
    const { name, api, logRetention, removalPolicy } = props.stage;
    this.functions = new FunctionSet(this, props);
    const gateway = new Gateway(this, "Gateway", {
      stageName: name,
      authorizer: this.functions.add("authorizer"),
      handlers: functions.filter((spec) => spec.kind === "api").map((spec) => this.functions.add(spec.name)),
      ...api,
      logRetention,
      removalPolicy,
    });
    this.api = gateway.api;
  }
}
