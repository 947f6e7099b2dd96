import { randomUUID } from "node:crypto";
import { type Clock, isoTime } from "@weft/kernel/clock";
import { Alarm } from "./alarm.ts";
import { DEFAULT_AGE_MS, DEFAULT_ATTEMPTS, Deliveries, type Delivery } from "./deliveries.ts";
import { inputOf, type TargetInput } from "./event-input.ts";
import { checkPattern, matches, type Pattern } from "./patterns.ts";
import type { Records } from "./records.ts";
import { AWS_JSON, AwsError, type AwsRequest, type AwsService, answerJson, type Json, parseBody } from "./wire.ts";

/** EventBridge's limits on one PutEvents. */
const MAX_ENTRIES = 10;
const MAX_ENTRY_BYTES = 262_144;

/** Where a rule sends its events. */
export interface RuleTarget extends TargetInput {
  id: string;
  arn: string;
  deadLetterArn?: string;
  maxRetries?: number;
  maxAgeSeconds?: number;
}

export interface Rule {
  name: string;
  /** `default` when not given. */
  bus?: string;
  pattern: Pattern;
  isEnabled?: boolean;
  targets: RuleTarget[];
}

/** An event before the bus has it: its id, time and place are added. */
export type NewEvent = Json & { source: string; "detail-type": string; detail: unknown };

/** An event as targets get it. */
export type BusEvent = NewEvent & { id: string };

/** One event on its way to one target. */
export interface EventDelivery {
  rule: string;
  target: RuleTarget;
  /** What the target gets: the event, or what the rule makes of it. */
  input: unknown;
}

export interface EventsOptions {
  records: Records;
  clock: Clock;
  account: { accountId: string; region: string };
  deliver(delivery: EventDelivery, attempt: number): Promise<void> | void;
  giveUp?(delivery: EventDelivery, reason: string): Promise<void> | void;
}

/** EventBridge: rules held in memory, as the template says them, and deliveries that outlive the process. */
export class Events implements AwsService {
  readonly #options: EventsOptions;
  readonly #deliveries: Deliveries<EventDelivery>;
  readonly #alarm: Alarm;
  readonly #rules = new Map<string, Rule>();

  private constructor(options: EventsOptions, deliveries: Deliveries<EventDelivery>, alarm: Alarm) {
    this.#options = options;
    this.#deliveries = deliveries;
    this.#alarm = alarm;
  }

  /** Loads what is still to be delivered; nothing is delivered before {@link start}. */
  static async load(options: EventsOptions): Promise<Events> {
    const deliveries: Deliveries<EventDelivery> = await Deliveries.load(options.records, "event/", options.clock, {
      deliver: options.deliver,
      ...(options.giveUp && { giveUp: options.giveUp }),
      onRetry: () => alarm.set(),
    });
    const alarm: Alarm = new Alarm(
      options.clock,
      () => deliveries.nextDue(),
      async () => deliveries.run(),
    );
    return new Events(options, deliveries, alarm);
  }

  start(): void {
    this.#alarm.set();
  }

  /** Adds the rule or replaces the one of the same bus and name. */
  putRule(rule: Rule): void {
    checkPattern(rule.pattern);
    this.#rules.set(`${rule.bus ?? "default"}/${rule.name}`, rule);
  }

  removeRule(name: string, bus = "default"): void {
    this.#rules.delete(`${bus}/${name}`);
  }

  /** Puts one event on a bus and resolves when its deliveries are safe; for events of the services themselves. */
  async put(bus: string, event: NewEvent): Promise<string> {
    const id = randomUUID();
    await this.#accept([{ bus, event: this.#complete(id, event) }]);
    return id;
  }

  async handle({ target, body }: AwsRequest) {
    const [service, name = ""] = (target ?? "").split(".");
    if (service !== "AWSEvents") return;
    return answerJson(() => {
      if (name === "PutEvents") return this.#putEvents(parseBody(body));
      throw new AwsError("UnknownOperationException", `${name} is not part of the local EventBridge`);
    }, AWS_JSON);
  }

  /** Makes the attempts that are due now and waits for them: for a clock that is moved by hand. */
  async tick(): Promise<void> {
    this.#deliveries.run();
    await this.#deliveries.idle();
    this.#alarm.set();
  }

  async close(): Promise<void> {
    await this.#alarm.close();
    await this.#deliveries.idle();
  }

  async #putEvents(input: Json): Promise<Json> {
    const entries = input.Entries;
    if (!Array.isArray(entries) || entries.length < 1 || entries.length > MAX_ENTRIES) {
      throw new AwsError("ValidationException", `Entries must have from 1 to ${MAX_ENTRIES} members`);
    }
    const accepted: { bus: string; event: BusEvent }[] = [];
    const answers = entries.map((entry: Json) => {
      const refusal = refuseEntry(entry);
      if (refusal) return refusal;
      const id = randomUUID();
      const bus = String(entry.EventBusName ?? "default").replace(/^.*event-bus\//, "");
      accepted.push({ bus, event: this.#complete(id, eventOf(entry)) });
      return { EventId: id };
    });
    await this.#accept(accepted);
    return { FailedEntryCount: entries.length - accepted.length, Entries: answers };
  }

  #complete(id: string, event: NewEvent): BusEvent {
    const { region, accountId } = this.#options.account;
    const time = isoTime(this.#options.clock.now()).replace(/\.\d+Z$/, "Z");
    const { detail, source, "detail-type": kind, ...rest } = event;
    return {
      version: "0",
      id,
      "detail-type": kind,
      source,
      account: accountId,
      time,
      region,
      resources: [],
      ...rest,
      detail,
    };
  }

  async #accept(events: readonly { bus: string; event: BusEvent }[]): Promise<void> {
    const deliveries = events.flatMap(({ bus, event }) => this.#fanOut(bus, event));
    if (deliveries.length === 0) return;
    await this.#options.records.write(this.#deliveries.changesFor(deliveries));
    this.#deliveries.accept(deliveries);
    this.#alarm.set();
  }

  #fanOut(bus: string, event: BusEvent): Delivery<EventDelivery>[] {
    const now = this.#options.clock.now();
    const rules = [...this.#rules.values()].filter((rule) => {
      return (rule.bus ?? "default") === bus && rule.isEnabled !== false && matches(rule.pattern, event);
    });
    return rules.flatMap((rule) =>
      rule.targets.map((target) => ({
        id: `${event.id}/${rule.name}/${target.id}`,
        payload: { rule: rule.name, target, input: inputOf(target, event) },
        attempts: 0,
        dueAt: now,
        expiresAt: now + (target.maxAgeSeconds === undefined ? DEFAULT_AGE_MS : target.maxAgeSeconds * 1000),
        retries: target.maxRetries ?? DEFAULT_ATTEMPTS,
      })),
    );
  }
}

function refuseEntry(entry: Json): Json | undefined {
  for (const name of ["Source", "DetailType", "Detail"]) {
    if (typeof entry[name] !== "string" || entry[name] === "") {
      return {
        ErrorCode: "InvalidArgument",
        ErrorMessage: `Parameter ${name} is not valid. Reason: ${name} is required.`,
      };
    }
  }
  if (Buffer.byteLength(`${entry.Source}${entry.DetailType}${entry.Detail}`) > MAX_ENTRY_BYTES) {
    return { ErrorCode: "InvalidArgument", ErrorMessage: "The entry is larger than 256 KB" };
  }
  try {
    const detail: unknown = JSON.parse(String(entry.Detail));
    if (typeof detail === "object" && detail !== null && !Array.isArray(detail)) return;
  } catch {
    // Answered below, as any other detail that is not an object.
  }
  return { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." };
}

function eventOf(entry: Json): NewEvent {
  return {
    source: String(entry.Source),
    "detail-type": String(entry.DetailType),
    ...(Array.isArray(entry.Resources) && { resources: entry.Resources }),
    detail: JSON.parse(String(entry.Detail)),
  };
}
