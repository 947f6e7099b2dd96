import { type App, Tags } from "aws-cdk-lib";
import type { CodeSource } from "./bundle.ts";
import { ApiStack } from "./stacks/api.ts";
import { ExecutionStack } from "./stacks/execution.ts";
import { ObservabilityStack } from "./stacks/observability.ts";
import { ScheduleStack } from "./stacks/schedule.ts";
import { StateStack } from "./stacks/state.ts";
import type { StageConfig } from "./stages.ts";

export interface WeftOptions {
  readonly stage: StageConfig;
  readonly code: CodeSource;
}

/** All stacks of one stage. They are agnostic of account and region: the deploying credentials say where. */
export function buildWeft(app: App, { stage, code }: WeftOptions) {
  const common = (part: string) => ({ stackName: `weft-${stage.name}-${part}`, description: `Weft ${part}` });
  const state = new StateStack(app, "State", {
    ...common("state"),
    terminationProtection: stage.protectData,
    stage,
  });
  const execution = new ExecutionStack(app, "Execution", { ...common("execution"), stage, state, code });
  const { machine, sandbox } = execution;
  const schedule = new ScheduleStack(app, "Schedule", { ...common("schedule"), stage, state, code, machine });
  const { jobs, users } = schedule;
  const schedules = users.place;
  const api = new ApiStack(app, "Api", { ...common("api"), stage, state, code, machine, sandbox, jobs, schedules });
  const observability = new ObservabilityStack(app, "Observability", {
    ...common("observability"),
    state,
    api,
    execution,
    schedule,
  });
  Tags.of(app).add("product", "weft");
  Tags.of(app).add("stage", stage.name);
  return { state, execution, schedule, api, observability };
}
