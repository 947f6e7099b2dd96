import { createHash, randomUUID } from "node:crypto";
import type { Diagnostic } from "./asl/diagnostics.ts";
import { describeDiagnostics } from "./asl/diagnostics.ts";
import { buildMachine, type Machine } from "./asl/machine.ts";
import { parseDefinition, validateDefinition } from "./asl/validate.ts";
import { SfnError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { BUCKETS } from "./run/records.ts";
import type { SfnStore } from "./store/store.ts";

/** Longest definition (Step Functions quota). */
const MAX_DEFINITION = 1_048_576;

export interface MachineRecord {
  arn: string;
  name: string;
  type: "STANDARD" | "EXPRESS";
  roleArn: string;
  definition: string;
  definitionId: string;
  revisionId: string;
  createdMs: number;
  /** Settings that are kept and answered but change nothing here. */
  settings: JsonObject;
}

/** The state machines, and the definitions that their executions run. */
export class Machines {
  readonly #store: SfnStore;
  readonly #integrations: ReadonlySet<string>;
  readonly #records = new Map<string, MachineRecord>();
  readonly #built = new Map<string, Machine>();

  constructor(store: SfnStore, integrations: ReadonlySet<string>) {
    this.#store = store;
    this.#integrations = integrations;
  }

  async load(): Promise<void> {
    for (const [arn, text] of await this.#store.list(BUCKETS.machines)) {
      this.#records.set(arn, JSON.parse(text) as MachineRecord);
    }
  }

  find(arn: string): MachineRecord | undefined {
    return this.#records.get(arn);
  }

  list(): MachineRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  diagnose(definition: string, type: "STANDARD" | "EXPRESS"): Diagnostic[] {
    if (definition.length > MAX_DEFINITION) {
      const message = `Definition is longer than ${MAX_DEFINITION} characters`;
      return [{ severity: "ERROR", code: "SCHEMA_VALIDATION_FAILED", message, location: "/" }];
    }
    const parsed = parseDefinition(definition);
    if (!parsed.definition) return parsed.diagnostics;
    return validateDefinition(parsed.definition, { isExpress: type === "EXPRESS", integrations: this.#integrations });
  }

  /** Throws InvalidDefinition with everything that is wrong. */
  check(definition: string, type: "STANDARD" | "EXPRESS"): void {
    const diagnostics = this.diagnose(definition, type);
    if (diagnostics.length > 0) throw new SfnError("InvalidDefinition", describeDiagnostics(diagnostics));
  }

  async save(record: Omit<MachineRecord, "definitionId" | "revisionId">): Promise<MachineRecord> {
    const definitionId = createHash("sha256").update(record.definition).digest("hex");
    const saved: MachineRecord = { ...record, definitionId, revisionId: randomUUID() };
    await this.#store.commit([
      { bucket: BUCKETS.definitions, key: definitionId, value: record.definition },
      { bucket: BUCKETS.machines, key: record.arn, value: JSON.stringify(saved) },
    ]);
    this.#records.set(record.arn, saved);
    return saved;
  }

  async remove(arn: string): Promise<void> {
    await this.#store.commit([{ bucket: BUCKETS.machines, key: arn }]);
    this.#records.delete(arn);
  }

  /** The text of a definition that an execution runs, also when its machine has changed since. */
  async definition(id: string): Promise<string> {
    const text = await this.#store.get(BUCKETS.definitions, id);
    if (text === undefined) throw new Error(`The definition ${id} is not stored`);
    return text;
  }

  async build(definitionId: string): Promise<Machine> {
    let machine = this.#built.get(definitionId);
    if (!machine) {
      machine = buildMachine(JSON.parse(await this.definition(definitionId)) as JsonObject);
      this.#built.set(definitionId, machine);
    }
    return machine;
  }
}
