import { Duration, type RemovalPolicy, Validations } from "aws-cdk-lib";
import {
  AccessLogField,
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  IdentitySource,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RequestAuthorizer,
  ResponseTransferMode,
  RestApi,
} from "aws-cdk-lib/aws-apigateway";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { type ApiRoute, apiRoutes } from "./api-routes.ts";
import { addRefusals } from "./gateway-responses.ts";
import { WebAcl } from "./web-acl.ts";
import type { WeftFunction } from "./weft-function.ts";

/** How long an identity is kept: revocation is effective within this time. */
const AUTHORIZER_CACHE = Duration.seconds(60);

/** A stream may last 15 minutes at API Gateway and at Lambda; the gateway gives up first, with its own answer. */
const LONGEST_ANSWER_SECONDS = 840;

/** Bodies are bytes to API Gateway: as text, those that are no UTF-8 would be lost, and with them what they are signed by. */
const EVERY_TYPE = "*/*";

/** JSON in one line. No path, no query string and no header: they may carry a token. */
const ACCESS_LOG = {
  requestId: AccessLogField.contextRequestId(),
  time: AccessLogField.contextRequestTimeEpoch(),
  address: AccessLogField.contextIdentitySourceIp(),
  method: AccessLogField.contextHttpMethod(),
  resource: AccessLogField.contextResourcePath(),
  status: AccessLogField.contextStatus(),
  bytes: AccessLogField.contextResponseLength(),
  latencyMs: AccessLogField.contextResponseLatency(),
  integrationMs: AccessLogField.contextIntegrationLatency(),
  actor: AccessLogField.contextAuthorizerPrincipalId(),
  error: AccessLogField.contextErrorResponseType(),
};

export interface GatewayProps {
  readonly stageName: string;
  readonly authorizer: WeftFunction;
  readonly handlers: readonly WeftFunction[];
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly requestsPerAddress: number;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/** The REST API: every manifest path behind the authorizer, every anonymous one without, all answers streamed. */
export class Gateway extends Construct {
  readonly api: RestApi;
  private readonly authorizer: RequestAuthorizer;

  constructor(scope: Construct, id: string, props: GatewayProps) {
    super(scope, id);
    this.api = this.restApi(props);
    this.authorizer = new RequestAuthorizer(this, "Authorizer", {
      handler: props.authorizer.fn,
      identitySources: [IdentitySource.header("Authorization")],
      resultsCacheTtl: AUTHORIZER_CACHE,
    });
    this.addRoutes(props.handlers);
    addRefusals(this.api);
    new WebAcl(this, "WebAcl", {
      resourceArn: this.api.deploymentStage.stageArn,
      requestsPerAddress: props.requestsPerAddress,
    });
  }

  private restApi(props: GatewayProps): RestApi {
    const accessLogs = new LogGroup(this, "AccessLogs", {
      retention: props.logRetention,
      removalPolicy: props.removalPolicy,
    });
    const api = new RestApi(this, "Api", {
      restApiName: `weft-${props.stageName}`,
      endpointTypes: [EndpointType.REGIONAL],
      cloudWatchRole: true,
      binaryMediaTypes: [EVERY_TYPE],
      deployOptions: {
        stageName: props.stageName,
        accessLogDestination: new LogGroupLogDestination(accessLogs),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
        loggingLevel: MethodLoggingLevel.ERROR,
        dataTraceEnabled: false,
        metricsEnabled: true,
        tracingEnabled: true,
        throttlingRateLimit: props.requestsPerSecond,
        throttlingBurstLimit: props.burst,
      },
    });
    Validations.of(api).acknowledge(
      {
        id: "AwsSolutions-APIG2",
        reason: "The functions validate every request against their own schemas and answer in the dialect of the path.",
      },
      {
        id: "AwsSolutions-COG4",
        reason: "Identity is the product's own: sessions and API keys are checked by the Lambda authorizer.",
      },
      {
        id: "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        reason: "The account-wide role of API Gateway's execution logs; AWS requires this managed policy's rights.",
      },
    );
    return api;
  }

  private addRoutes(handlers: readonly WeftFunction[]): void {
    const integrations = new Map(handlers.map((handler) => [handler.spec.name, streaming(handler)]));
    for (const route of apiRoutes(handlers.map((handler) => handler.spec))) {
      const integration = integrations.get(route.functionName);
      if (!integration) throw new Error(`${route.path} has no function`);
      this.addRoute(route, integration);
    }
  }

  private addRoute({ path, anonymous }: ApiRoute, integration: LambdaIntegration): void {
    const resource = this.api.root.resourceForPath(path);
    if (!anonymous) {
      resource.addMethod("ANY", integration, { authorizer: this.authorizer });
      return;
    }
    const method = resource.addMethod("ANY", integration, { authorizationType: AuthorizationType.NONE });
    Validations.of(method).acknowledge({
      id: "AwsSolutions-APIG4",
      reason:
        "On the manifest's list of anonymous resources: sign-in, consent, links to approvals, documentation, health, and webhooks, whose callers prove themselves in their own ways.",
    });
  }
}

function streaming(handler: WeftFunction): LambdaIntegration {
  return new LambdaIntegration(handler.fn, {
    responseTransferMode: ResponseTransferMode.STREAM,
    timeout: Duration.seconds(Math.min(handler.spec.timeoutSeconds - 1, LONGEST_ANSWER_SECONDS)),
    scopePermissionToMethod: false,
  });
}
