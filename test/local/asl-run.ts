import { isObject, type Json, type JsonObject } from "@weft/local/sfn/json";
import { flatEvent, Matcher, show } from "./asl-compare.ts";
import type { Case, Fixture } from "./asl-fixture.ts";
import { createMachine, createWorld, type World } from "./asl-world.ts";

/** Runs every execution of a file; the answer is what differs first, or undefined. */
export async function runFixture(fixture: Fixture): Promise<string | undefined> {
  for (const one of fixture.cases ?? [fixture]) {
    const world = await createWorld(fixture);
    try {
      const difference = await runCase(fixture, one, world);
      if (difference !== undefined) return difference;
    } catch (error) {
      return `threw ${(error as Error).message}`;
    } finally {
      await world.close();
    }
  }
  return undefined;
}

async function runCase(fixture: Fixture, one: Case, world: World): Promise<string | undefined> {
  const definition = one.definition ?? fixture.definition;
  if (fixture.area === "validation") return validate(fixture, one, world);
  if (fixture.area === "express_sync") return runSync(fixture, one, world);
  const stateMachineArn = await createMachine(world, "machine", definition);
  const input = JSON.stringify(one.input ?? {});
  const { executionArn } = await world.call("StartExecution", { stateMachineArn, input });
  for (const action of fixture.actions ?? []) await world.call(action.api, { executionArn: executionArn! });
  await world.clock.run(world.sfn.service.whenEnded(String(executionArn)));
  const execution = await world.call("DescribeExecution", { executionArn: executionArn! });
  if (one.expected.mapRun) return compareMapRun(fixture, one.expected.mapRun, world, String(executionArn));
  return compareResult(fixture, one, execution) ?? compareHistory(fixture, one, world, String(executionArn));
}

async function runSync(fixture: Fixture, one: Case, world: World): Promise<string | undefined> {
  const stateMachineArn = await createMachine(world, "machine", fixture.definition, "EXPRESS");
  const input = JSON.stringify(one.input ?? {});
  return compareResult(
    fixture,
    one,
    await world.clock.run(world.call("StartSyncExecution", { stateMachineArn, input })),
  );
}

function compareResult(fixture: Fixture, one: Case, actual: JsonObject): string | undefined {
  const { expected } = one;
  const matcher = new Matcher(fixture);
  const ours = { status: actual.status, output: actual.output, error: actual.error, cause: actual.cause };
  if (expected.status !== ours.status) return `status: expected ${expected.status}, got ${show(ours)}`;
  const output = typeof ours.output === "string" ? (JSON.parse(ours.output) as Json) : undefined;
  if (expected.status === "SUCCEEDED" && !matcher.matches(expected.output, output)) {
    return `output: expected ${show(expected.output)}, got ${show(output)}`;
  }
  if (expected.error !== ours.error) return `error: expected ${expected.error}, got ${show(ours)}`;
  if (matcher.matchesCause(expected.cause, ours.cause as string | undefined)) return undefined;
  return `cause: expected ${show(expected.cause)}, got ${show(ours.cause)}`;
}

async function compareHistory(
  fixture: Fixture,
  one: Case,
  world: World,
  executionArn: string,
): Promise<string | undefined> {
  if (!one.events) return undefined;
  const { events } = await world.call("GetExecutionHistory", { executionArn, maxResults: 1000 });
  const actual = (events as JsonObject[]).map(flatEvent);
  const order = fixture.eventsOrder ? "partial" : isConcurrent(one.definition ?? fixture.definition) ? "any" : "strict";
  return new Matcher(fixture).compareEvents(one.events, actual, order);
}

/** True when branches or iterations may interleave. */
function isConcurrent(value: Json): boolean {
  if (Array.isArray(value)) return value.some(isConcurrent);
  if (!isObject(value)) return false;
  if (value.Type === "Parallel" || (value.Type === "Map" && value.MaxConcurrency !== 1)) return true;
  return Object.values(value).some(isConcurrent);
}

async function compareMapRun(
  fixture: Fixture,
  expected: JsonObject,
  world: World,
  executionArn: string,
): Promise<string | undefined> {
  const { mapRuns } = await world.call("ListMapRuns", { executionArn });
  const [run] = mapRuns as JsonObject[];
  const actual = await world.call("DescribeMapRun", { mapRunArn: run!.mapRunArn! });
  const matcher = new Matcher(fixture);
  for (const [key, value] of Object.entries(expected)) {
    const ours = isObject(value) && isObject(actual[key]) ? pick(actual[key], Object.keys(value)) : actual[key];
    if (!matcher.matches(value, ours)) return `${key}: expected ${show(value)}, got ${show(ours)}`;
  }
  return undefined;
}

function pick(value: JsonObject, keys: string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => key in value).map((key) => [key, value[key]!]));
}

async function validate(fixture: Fixture, one: Case, world: World): Promise<string | undefined> {
  const type = fixture.machineType ?? "STANDARD";
  const { expected } = one;
  if (expected.status === "VALIDATION") {
    const definition = typeof fixture.definition === "string" ? fixture.definition : JSON.stringify(fixture.definition);
    const actual = await world.call("ValidateStateMachineDefinition", { definition, type });
    return new Matcher(fixture).matches(expected.validation, actual) ? undefined : `got ${show(actual)}`;
  }
  try {
    await createMachine(world, "machine", fixture.definition, type);
  } catch (error) {
    const { __type: name, message } = (error as { body?: { __type: string; message: string } }).body ?? {};
    if (name !== expected.error) return `refused with ${name}`;
    return expected.message?.includes(String(message))
      ? undefined
      : `message: expected ${expected.message}, got ${message}`;
  }
  return "not refused";
}
