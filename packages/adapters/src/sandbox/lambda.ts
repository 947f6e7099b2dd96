import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { CODE_ERRORS, type CodeOutcome, type CodeRequest, type CodeRunner } from "@weft/engine/code";
import { AppError } from "@weft/kernel/errors";
import * as z from "zod";

/** An outcome as the function of the sandbox answers it. */
const Outcome = z.object({
  output: z.unknown(),
  stdout: z.string(),
  stderr: z.string(),
  exitCode: z.int(),
  durationMs: z.number(),
  cpuMs: z.number(),
  peakMemoryBytes: z.number(),
  files: z.array(z.object({ name: z.string(), base64: z.string() })),
  error: z
    .object({
      code: z.enum(CODE_ERRORS),
      message: z.string(),
      line: z.int().optional(),
      column: z.int().optional(),
      stack: z.string().optional(),
    })
    .optional(),
});

const CANCELLED: CodeOutcome = {
  output: null,
  stdout: "",
  stderr: "",
  exitCode: 130,
  durationMs: 0,
  cpuMs: 0,
  peakMemoryBytes: 0,
  files: [],
  error: { code: "cancelled", message: "the run was cancelled" },
};

let client: LambdaClient | undefined;

/**
 * Runs code in the function of the sandbox, one execution environment a tenant. Throws `rate_limited` where the platform
 * has no room, `unavailable` where it fails, and what the sandbox says of a request that is none. A caller that gives up
 * gets `cancelled` at once; the function ends by its own limits.
 */
export function lambdaCode(functionName: string): CodeRunner {
  return {
    async run(request, signal) {
      try {
        return await invoke(functionName, request, signal);
      } catch (thrown) {
        if (signal?.aborted) return { ...CANCELLED };
        throw toAppError(thrown);
      }
    },
  };
}

async function invoke(functionName: string, request: CodeRequest, signal?: AbortSignal): Promise<CodeOutcome> {
  client ??= new LambdaClient();
  const command = new InvokeCommand({
    FunctionName: functionName,
    TenantId: request.tenant,
    Payload: new TextEncoder().encode(JSON.stringify(request)),
  });
  const { Payload, FunctionError } = await client.send(command, signal ? { abortSignal: signal } : {});
  const answer: unknown = JSON.parse(new TextDecoder().decode(Payload));
  if (FunctionError !== undefined) throw refusal(answer);
  return Outcome.parse(answer);
}

/** What the function itself threw: the request was refused, or the function died under it. */
function refusal(answer: unknown): AppError {
  const { errorType, errorMessage } = answer as { errorType?: string; errorMessage?: string };
  if (errorType === "AppError") return new AppError("invalid_input", errorMessage ?? "the code was refused");
  return new AppError("unavailable", "the code could not be run", { cause: new Error(errorMessage ?? errorType) });
}

function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const { name } = thrown as { name?: string };
  if (name === "TooManyRequestsException")
    return new AppError("rate_limited", "too much code is running", { cause: thrown });
  if (name === "RequestTooLargeException")
    return new AppError("too_large", "code and inputs are too large", { cause: thrown });
  return new AppError("unavailable", "the code could not be run", { cause: thrown });
}
