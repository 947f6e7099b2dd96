import type { Plan } from "@weft/engine/plan";
import { type ConversionWarning, convert } from "@weft/engine/values/convert";
import { missingMembers } from "@weft/engine/values/input";
import { isBlank } from "@weft/engine/values/types";
import { invalidInput } from "@weft/kernel/errors";

/** Defaults filled in and declared fields converted. Fields that the start node does not declare pass through. */
export function checkInput(plan: Plan, given: Record<string, unknown>): Record<string, unknown> {
  const input: Record<string, unknown> = { ...given };
  const issues: { path: string; message: string }[] = [];
  for (const field of plan.inputs) {
    let value = Object.hasOwn(input, field.name) ? input[field.name] : undefined;
    if (isBlank(value) && field.default !== undefined) value = field.default;
    if (value === undefined || value === null) {
      if (field.required) issues.push({ path: `input.${field.name}`, message: "is required" });
      continue;
    }
    const warnings: ConversionWarning[] = [];
    input[field.name] = convert(value, field.type, field.name, warnings);
    for (const path of missingMembers(input[field.name], field.type, field.name)) {
      issues.push({ path: `input.${path}`, message: "is required" });
    }
    for (const warning of warnings) issues.push({ path: `input.${warning.path}`, message: warning.message });
  }
  if (issues.length > 0) throw invalidInput(issues);
  return input;
}
