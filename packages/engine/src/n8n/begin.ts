import { record, records, text } from "../import/builder.ts";
import type { ImportedTrigger } from "../import/report.ts";
import type { N8nNode } from "./context.ts";
import type { Mapper } from "./parameters.ts";

/** What comes in as the run's input: a list of items where it holds one, else itself as the only item. */
export const trigger: Mapper = (context) => {
  const inputs = [{ name: "input", ref: "start" }];
  const own =
    '$type(input.items) = "array" ? input.items : $js_list([{"item": $items_pick(input, ["items", "trigger"], true)}])';
  return context.transform([{ expression: { text: own, inputs } }], ["none"]);
};

/** Whether the type begins workflows there. */
export function isTrigger(type: string): boolean {
  return /(?:Trigger|\.webhook|\.cron|\.start|\.interval|\.emailReadImap)$/.test(type);
}

const KINDS: Readonly<Record<string, ImportedTrigger["kind"]>> = {
  manualTrigger: "manual",
  start: "manual",
  executeWorkflowTrigger: "workflow",
  scheduleTrigger: "schedule",
  cron: "schedule",
  interval: "schedule",
  webhook: "webhook",
  errorTrigger: "error",
  formTrigger: "form",
  chatTrigger: "chat",
  manualChatTrigger: "chat",
};

/** Minute and hour of n8n's rules, whichever form they are in. */
function clock(rule: Record<string, unknown>): [minute: number, hour: number] {
  const [minute, hour] = [rule.triggerAtMinute ?? rule.minute, rule.triggerAtHour ?? rule.hour].map((value) =>
    Number(value ?? 0),
  );
  return [minute || 0, hour || 0];
}

/** A rule of a schedule as a cron expression; undefined where it has no such form. */
function cronOf(rule: Record<string, unknown>): string | undefined {
  const [minute, hour] = clock(rule);
  const every = (value: unknown): string => {
    const count = Math.trunc(Number(value ?? 1)) || 1;
    return count <= 1 ? "*" : `*/${count}`;
  };
  switch (text(rule.field) ?? text(rule.mode) ?? "days") {
    case "seconds":
      return `*/${Math.trunc(Number(rule.secondsInterval ?? 30)) || 30} * * * * *`;
    case "everyMinute":
      return "* * * * *";
    case "minutes":
      return `${every(rule.minutesInterval ?? 5)} * * * *`;
    case "everyHour":
    case "hours":
      return `${minute} ${every(rule.hoursInterval)} * * *`;
    case "everyDay":
    case "days":
      return `${minute} ${hour} ${every(rule.daysInterval)} * *`;
    case "everyWeek":
    case "weeks": {
      if (Number(rule.weeksInterval ?? 1) > 1) return undefined;
      const days = Array.isArray(rule.triggerAtDay) ? rule.triggerAtDay : [rule.weekday ?? 0];
      return `${minute} ${hour} * * ${days.map((day) => Number(day) || 0).join(",")}`;
    }
    case "everyMonth":
    case "months":
      return `${minute} ${hour} ${Number(rule.triggerAtDayOfMonth ?? rule.dayOfMonth ?? 1) || 1} ${every(rule.monthsInterval)} *`;
    case "everyX":
      return rule.unit === "minutes" ? `${every(rule.value)} * * * *` : `0 ${every(rule.value)} * * *`;
    case "cronExpression":
    case "custom":
      return text(rule.expression) ?? text(rule.cronExpression);
    default:
      return undefined;
  }
}

function schedule({ parameters, type }: N8nNode): Record<string, unknown> {
  if (type.endsWith(".interval")) {
    const unit = text(parameters.unit) ?? "seconds";
    const rule = { field: unit, [`${unit}Interval`]: parameters.interval ?? 1 };
    return { rules: [{ cron: cronOf(rule) ?? null }] };
  }
  const rules = records(record(parameters.rule).interval ?? record(parameters.triggerTimes).item);
  return { rules: rules.map((rule) => ({ cron: cronOf(rule) ?? null, original: rule })) };
}

/** What began the workflow there, with what a trigger here has to be set to. */
export function triggerOf(node: N8nNode, nodeId: string, settings: Record<string, unknown>): ImportedTrigger {
  const { parameters, name, type } = node;
  const last = type.slice(type.lastIndexOf(".") + 1);
  const kind = Object.hasOwn(KINDS, last) ? (KINDS[last] as ImportedTrigger["kind"]) : "service";
  const timezone = text(settings.timezone);
  const config =
    kind === "schedule"
      ? { ...schedule(node), ...(timezone && timezone !== "DEFAULT" ? { timezone } : {}) }
      : kind === "webhook"
        ? {
            method: text(parameters.httpMethod) ?? "GET",
            path: text(parameters.path) ?? text(node.raw.webhookId) ?? "",
            responseMode: text(parameters.responseMode) ?? "onReceived",
            authentication: text(parameters.authentication) ?? "none",
          }
        : parameters;
  return { nodeId, name, type, kind, config };
}

/** What an import tells of a trigger: what comes in when it fires is the run's input here. */
export function triggerNote(type: string): string | undefined {
  if (/\.(manualTrigger|executeWorkflowTrigger|start)$/.test(type)) return undefined;
  return "the workflow is started from outside, by a trigger that is set up for it (`triggers` of this report says how): what it gives comes in as the run's input";
}
