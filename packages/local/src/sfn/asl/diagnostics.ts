/** One finding of ValidateStateMachineDefinition. */
export interface Diagnostic {
  severity: "ERROR";
  code: string;
  message: string;
  location?: string;
}

export class Findings {
  readonly list: Diagnostic[] = [];
  add(location: string, message: string, code = "SCHEMA_VALIDATION_FAILED"): void {
    this.list.push({ severity: "ERROR", code, message, location });
  }
}

/** The text of an InvalidDefinition error. */
export function describeDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const parts = diagnostics.map((d) => `${d.code}: ${d.message}${d.location === undefined ? "" : ` at ${d.location}`}`);
  return `Invalid State Machine Definition: '${parts.join(", ")}'`;
}
