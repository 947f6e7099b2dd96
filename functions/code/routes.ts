import { lambdaCode } from "@weft/adapters/sandbox/lambda";
import { inspect } from "@weft/adapters/sandbox/report";
import {
  CodeExecution,
  CodeExecutionPage,
  CodeExecutionSummary,
  CodeOutputContent,
  listCodeExecutionsQuery,
  RunCode,
} from "@weft/core/code/code.schema";
import * as Code from "@weft/core/code/code.service";
import { route } from "@weft/http/route";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";

const ALL = "/api/spaces/{spaceId}/code/executions";
const ONE = `${ALL}/{codeExecutionId}` as const;
const tags = ["code"] as const;

function deps(): Code.CodeDeps {
  const { CODE_FUNCTION } = readEnv({ CODE_FUNCTION: z.string() });
  return { runner: lambdaCode(CODE_FUNCTION), inspect };
}

export const routes = [
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "runCode",
      summary: "Run a program",
      description:
        "Runs JavaScript, TypeScript or Python in the sandbox and answers when it is over. `async def main(args)`, " +
        "`export default async (args)` or `async function main({ params })` gets the inputs; what it returns is the " +
        "output. `inputFiles` lie in its working folder (in JavaScript: `readFile(name)`), and what it writes there " +
        "becomes Files. A program that fails is an answer with an `error`, not an error of the call.",
      tags,
      permission: "code:run",
      audit: false,
      idempotent: true,
      body: RunCode,
      response: CodeExecution,
      errors: ["too_large", "unavailable"],
    },
    ({ ctx, body }) => Code.run(ctx, deps(), body),
  ),
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listCodeExecutions",
      summary: "List runs of programs",
      tags,
      permission: "code:read",
      query: listCodeExecutionsQuery,
      response: CodeExecutionPage,
    },
    ({ ctx, query }) => Code.list(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getCodeExecution",
      summary: "Get a run of a program",
      tags,
      permission: "code:read",
      response: CodeExecution,
    },
    ({ ctx, params }) => Code.get(ctx, params.codeExecutionId),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/cancel`,
      operationId: "cancelCodeExecution",
      summary: "Cancel a run of a program",
      tags,
      permission: "code:run",
      response: CodeExecutionSummary,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Code.cancel(ctx, params.codeExecutionId),
  ),
  route(
    {
      method: "GET",
      path: `${ONE}/outputs/{codeOutputId}`,
      operationId: "getCodeOutput",
      summary: "Get a file that a program left",
      tags,
      permission: "code:read",
      response: CodeOutputContent,
    },
    ({ ctx, params }) => Code.output(ctx, params.codeExecutionId, params.codeOutputId),
  ),
];
