/** A refusal as DynamoDB words it: `body` goes to the client as it is. */
export class DynamoError extends Error {
  override readonly name = "DynamoError";
  readonly statusCode: number;
  readonly body: Record<string, unknown>;

  constructor(body: Record<string, unknown>, statusCode = 400) {
    super(String(body.message ?? body.Message ?? body.__type));
    this.body = body;
    this.statusCode = statusCode;
  }

  /** The error's name without its namespace: `ConditionalCheckFailedException`. */
  get code(): string {
    return String(this.body.__type).replace(/^.*#/, "");
  }
}

const SERVICE = "com.amazonaws.dynamodb.v20120810#";

/** An error of the service by its name, with any further fields of its body. */
export function dynamoError(code: string, message: string, more: Record<string, unknown> = {}): DynamoError {
  return new DynamoError({ __type: SERVICE + code, message, ...more });
}

export function validationError(message: string): DynamoError {
  return new DynamoError({ __type: "com.amazon.coral.validate#ValidationException", message });
}

/** dynalite's own errors carry the answer's status and body; anything else is a fault and is passed on. */
export function asDynamoError(thrown: unknown): unknown {
  if (thrown instanceof DynamoError || !(thrown instanceof Error)) return thrown;
  const { statusCode, body } = thrown as Error & { statusCode?: number; body?: Record<string, unknown> };
  return statusCode === undefined || body === undefined ? thrown : new DynamoError(body, statusCode);
}
