import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { AppError } from "@weft/kernel/errors";

let client: LambdaClient | undefined;

/** Calls a function of the product and gives what it answers. Throws `unavailable` where it cannot be called or fails. */
export async function invokeFunction(functionName: string, event: unknown): Promise<unknown> {
  client ??= new LambdaClient();
  const command = new InvokeCommand({
    FunctionName: functionName,
    Payload: new TextEncoder().encode(JSON.stringify(event)),
  });
  let answer: { Payload?: Uint8Array | undefined; FunctionError?: string | undefined };
  try {
    answer = await client.send(command);
  } catch (cause) {
    throw new AppError("unavailable", "the work could not be begun, try again", { cause, retryable: true });
  }
  const text = new TextDecoder().decode(answer.Payload);
  if (answer.FunctionError === undefined) return JSON.parse(text);
  throw new AppError("unavailable", "the work failed", { cause: new Error(text.slice(0, 1_000)) });
}
