import type { LambdaFunction } from "../lambda/types.ts";
import { Properties } from "./properties.ts";
import type { Resource } from "./types.ts";

export interface FunctionOptions {
  /** The TypeScript entry of a function by its `Metadata.weft`. */
  entryOf: (weftName: string) => string | undefined;
  /** Variables that every function gets beside its own: credentials, region, endpoints. */
  environment: Readonly<Record<string, string>>;
  /** Variables of the developer's choice, over the template's. */
  overrides?: Readonly<Record<string, string>>;
}

/** Node's own settings of a deployed function mean nothing to a worker thread. */
const NOT_FOR_WORKERS = ["NODE_OPTIONS"];
const DEFAULT_TIMEOUT_SECONDS = 3;
const DEFAULT_MEMORY_MB = 128;

/** The Lambda functions of the templates, ready for the pool. */
export function readFunctions(resources: readonly Resource[], options: FunctionOptions): LambdaFunction[] {
  return resources
    .filter((resource) => resource.type === "AWS::Lambda::Function")
    .map((resource) => readFunction(resource, options));
}

function readFunction(resource: Resource, options: FunctionOptions): LambdaFunction {
  const properties = new Properties(resource);
  const weftName = resource.metadata.weft;
  if (typeof weftName !== "string") throw properties.error("has no Metadata.weft, so its source is not known");
  const entry = options.entryOf(weftName);
  if (!entry) throw properties.error(`no entry is known for ${weftName}`);
  const memoryMb = properties.number("MemorySize", DEFAULT_MEMORY_MB);
  const environment: Record<string, string> = {
    ...options.environment,
    ...properties.child("Environment").strings("Variables"),
    ...options.overrides,
    AWS_LAMBDA_FUNCTION_NAME: resource.name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${resource.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: "local",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    _HANDLER: properties.optional("Handler") ?? "index.handler",
  };
  for (const name of NOT_FOR_WORKERS) delete environment[name];
  return {
    name: resource.name,
    arn: resource.arn,
    entry,
    exportName: (properties.optional("Handler") ?? "index.handler").split(".").at(-1) ?? "handler",
    environment,
    timeoutSeconds: properties.number("Timeout", DEFAULT_TIMEOUT_SECONDS),
    memoryMb,
    ...(properties.child("TenancyConfig").optional("TenantIsolationMode") === "PER_TENANT" ? { perTenant: true } : {}),
  };
}
