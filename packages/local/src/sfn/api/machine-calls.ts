import { SfnError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import type { MachineRecord } from "../machines.ts";
import type { SfnService } from "../service.ts";
import { arn, type Body, name, nextToken, optionalText, page, seconds, text } from "./checks.ts";

const KEPT_SETTINGS = ["loggingConfiguration", "tracingConfiguration", "encryptionConfiguration", "tags"];

function typeOf(body: Body): MachineRecord["type"] {
  const type = optionalText(body, "type") ?? "STANDARD";
  if (type === "STANDARD" || type === "EXPRESS") return type;
  throw new SfnError("ValidationException", `Unknown state machine type '${type}'`);
}

export function requireMachine(service: SfnService, machineArn: string): MachineRecord {
  const machine = service.machines.find(arn(machineArn, "stateMachine"));
  if (machine) return machine;
  throw new SfnError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${machineArn}'`);
}

function settingsOf(body: Body, before: JsonObject = {}): JsonObject {
  const settings = { ...before };
  for (const field of KEPT_SETTINGS) if (body[field] !== undefined) settings[field] = body[field];
  return settings;
}

function refuseVersions(body: Body): void {
  if (body.publish === true)
    throw new SfnError("ValidationException", "Versions of state machines are not supported here");
}

async function createStateMachine(service: SfnService, body: Body): Promise<Json> {
  refuseVersions(body);
  const machineName = name(text(body, "name"));
  const type = typeOf(body);
  const definition = text(body, "definition");
  service.machines.check(definition, type);
  const machineArn = `arn:aws:states:${service.region}:${service.accountId}:stateMachine:${machineName}`;
  const roleArn = text(body, "roleArn");
  const existing = service.machines.find(machineArn);
  if (existing) {
    const isSame = existing.definition === definition && existing.type === type && existing.roleArn === roleArn;
    if (!isSame) throw new SfnError("StateMachineAlreadyExists", `State Machine Already Exists: '${machineArn}'`);
    return { stateMachineArn: machineArn, creationDate: seconds(existing.createdMs) };
  }
  const createdMs = service.clock.now();
  const settings = settingsOf(body);
  await service.machines.save({ arn: machineArn, name: machineName, type, roleArn, definition, createdMs, settings });
  return { stateMachineArn: machineArn, creationDate: seconds(createdMs) };
}

async function updateStateMachine(service: SfnService, body: Body): Promise<Json> {
  refuseVersions(body);
  const machine = requireMachine(service, text(body, "stateMachineArn"));
  const definition = optionalText(body, "definition") ?? machine.definition;
  const roleArn = optionalText(body, "roleArn") ?? machine.roleArn;
  service.machines.check(definition, machine.type);
  const saved = await service.machines.save({
    ...machine,
    definition,
    roleArn,
    settings: settingsOf(body, machine.settings),
  });
  return { updateDate: seconds(service.clock.now()), revisionId: saved.revisionId };
}

async function deleteStateMachine(service: SfnService, body: Body): Promise<Json> {
  await service.machines.remove(arn(text(body, "stateMachineArn"), "stateMachine"));
  return {};
}

export function describeMachine(machine: MachineRecord): JsonObject {
  return {
    stateMachineArn: machine.arn,
    name: machine.name,
    status: "ACTIVE",
    definition: machine.definition,
    roleArn: machine.roleArn,
    type: machine.type,
    creationDate: seconds(machine.createdMs),
    revisionId: machine.revisionId,
    loggingConfiguration: machine.settings.loggingConfiguration ?? { level: "OFF", includeExecutionData: false },
    tracingConfiguration: machine.settings.tracingConfiguration ?? { enabled: false },
  };
}

async function listStateMachines(service: SfnService, body: Body): Promise<Json> {
  const { limit, after } = page(body);
  const left = service.machines.list().filter((machine) => after === undefined || machine.name > after);
  const shown = left.slice(0, limit);
  const stateMachines = shown.map((machine) => ({
    stateMachineArn: machine.arn,
    name: machine.name,
    type: machine.type,
    creationDate: seconds(machine.createdMs),
  }));
  return { stateMachines, ...nextToken(left.length > limit ? shown.at(-1)?.name : undefined) };
}

async function validateStateMachineDefinition(service: SfnService, body: Body): Promise<Json> {
  const diagnostics = service.machines.diagnose(text(body, "definition"), typeOf(body));
  const shown = diagnostics.map((diagnostic) => ({ ...diagnostic }));
  return { result: diagnostics.length > 0 ? "FAIL" : "OK", diagnostics: shown, truncated: false };
}

export const MACHINE_CALLS = {
  CreateStateMachine: createStateMachine,
  UpdateStateMachine: updateStateMachine,
  DeleteStateMachine: deleteStateMachine,
  DescribeStateMachine: async (service: SfnService, body: Body): Promise<Json> =>
    describeMachine(requireMachine(service, text(body, "stateMachineArn"))),
  ListStateMachines: listStateMachines,
  ValidateStateMachineDefinition: validateStateMachineDefinition,
  ListStateMachineVersions: async (): Promise<Json> => ({ stateMachineVersions: [] }),
  ListTagsForResource: async (service: SfnService, body: Body): Promise<Json> => ({
    tags: service.machines.find(text(body, "resourceArn"))?.settings.tags ?? [],
  }),
};
