import { randomUUID } from "node:crypto";
import { type Clock, isoTime } from "@weft/kernel/clock";
import { Alarm } from "./alarm.ts";
import { DEFAULT_AGE_MS, DEFAULT_ATTEMPTS, Deliveries, type Delivery } from "./deliveries.ts";
import type { Change, Records } from "./records.ts";
import { nextOf, readSchedule, type StoredSchedule, scheduleKey, shown, summaryOf } from "./schedule-record.ts";
import { AwsError, type AwsRequest, type AwsService, answerJson, type Json, parseBody, REST_JSON } from "./wire.ts";

/** The one group that always is. */
const DEFAULT_GROUP = "default";
const PAGE = 100;
/** No more occurrences of one schedule are made up for at once. */
const MAX_CATCH_UP = 1000;

/** One firing of a schedule on its way to its target. */
export interface Invocation {
  schedule: string;
  group: string;
  targetArn: string;
  /** The target's input with the context attributes filled in, as JSON text or plain text. */
  input: string;
  scheduledAt: string;
  deadLetterArn?: string;
}

export interface SchedulerOptions {
  records: Records;
  clock: Clock;
  account: { accountId: string; region: string };
  invoke(invocation: Invocation, attempt: number): Promise<void> | void;
  giveUp?(invocation: Invocation, reason: string): Promise<void> | void;
  /**
   * What happens to occurrences that passed while nobody looked, on a sleeping machine or between two runs: `latest`,
   * the default, makes up for the last of each schedule, `each` for all of them.
   */
  missed?: "latest" | "each";
}

/** EventBridge Scheduler. A firing and the schedule's next time are written together, before the target is called. */
export class Scheduler implements AwsService {
  readonly #options: SchedulerOptions;
  readonly #schedules = new Map<string, StoredSchedule>();
  readonly #groups = new Set([DEFAULT_GROUP]);
  readonly #deliveries: Deliveries<Invocation>;
  readonly #alarm: Alarm;

  private constructor(options: SchedulerOptions, deliveries: Deliveries<Invocation>) {
    this.#options = options;
    this.#deliveries = deliveries;
    this.#alarm = new Alarm(
      options.clock,
      () => this.nextDue(),
      () => this.#fire(),
    );
  }

  /** Loads schedules and what is still to be delivered; nothing fires before {@link start}. */
  static async load(options: SchedulerOptions): Promise<Scheduler> {
    const deliveries: Deliveries<Invocation> = await Deliveries.load(options.records, "firing/", options.clock, {
      deliver: options.invoke,
      ...(options.giveUp && { giveUp: options.giveUp }),
      onRetry: () => scheduler.#alarm.set(),
    });
    const scheduler: Scheduler = new Scheduler(options, deliveries);
    for (const schedule of await options.records.all<StoredSchedule>("schedule/")) {
      scheduler.#schedules.set(scheduleKey(schedule), schedule);
    }
    for (const group of await options.records.all<string>("group/")) scheduler.#groups.add(group);
    return scheduler;
  }

  start(): void {
    this.#alarm.set();
  }

  async close(): Promise<void> {
    await this.#alarm.close();
    await this.#deliveries.idle();
  }

  /** When the next schedule or the next attempt is due. */
  nextDue(): number | undefined {
    let next = this.#deliveries.nextDue();
    for (const { nextAt } of this.#schedules.values()) {
      if (nextAt !== undefined) next = Math.min(next ?? nextAt, nextAt);
    }
    return next;
  }

  /** Fires all that is due and waits for the targets: for a clock that is moved by hand. */
  async tick(): Promise<void> {
    await this.#fire();
    await this.#deliveries.idle();
    this.#alarm.set();
  }

  async handle({ method, path, body }: AwsRequest) {
    const url = new URL(path, "http://local");
    const [, kind, name, ...more] = url.pathname.split("/").map(decodeURIComponent);
    if ((kind !== "schedules" && kind !== "schedule-groups") || more.length > 0) return;
    return answerJson(() => {
      const input = method === "GET" || method === "DELETE" ? Object.fromEntries(url.searchParams) : parseBody(body);
      return kind === "schedules" ? this.#onSchedules(method, name, input) : this.#onGroups(method, name, input);
    }, REST_JSON);
  }

  async #onSchedules(method: string, name: string | undefined, input: Json): Promise<Json> {
    if (method === "GET" && !name) return this.#list(input);
    if (!name) throw new AwsError("ValidationException", "a schedule needs a name");
    switch (method) {
      case "POST":
        return this.#put(name, input, undefined);
      case "PUT":
        return this.#put(name, input, this.#find(name, groupOf(input)));
      case "GET":
        return shown(this.#find(name, groupOf({ GroupName: input.groupName })), this.#arnOf);
      case "DELETE":
        return this.#remove(this.#find(name, groupOf({ GroupName: input.groupName })));
      default:
        throw new AwsError("UnknownOperationException", `${method} is not known here`, 404);
    }
  }

  readonly #arnOf = ({ group, name }: { group: string; name: string }): string => {
    const { region, accountId } = this.#options.account;
    return `arn:aws:scheduler:${region}:${accountId}:schedule/${group}/${name}`;
  };

  #find(name: string, group: string): StoredSchedule {
    const schedule = this.#schedules.get(scheduleKey({ name, group }));
    if (schedule) return schedule;
    throw new AwsError("ResourceNotFoundException", `Schedule ${name} does not exist.`, 404);
  }

  async #put(name: string, input: Json, existing: StoredSchedule | undefined): Promise<Json> {
    const group = groupOf(input);
    if (!this.#groups.has(group)) {
      throw new AwsError("ResourceNotFoundException", `Schedule group ${group} does not exist.`, 404);
    }
    const schedule = readSchedule(name, group, input, this.#options.clock.now(), existing);
    const known = this.#schedules.get(scheduleKey(schedule));
    if (known && !existing) {
      // A repeat of the call that made it is answered as that call was.
      const isRepeat = known.clientToken !== undefined && known.clientToken === input.ClientToken;
      if (!isRepeat) throw new AwsError("ConflictException", `Schedule ${name} already exists.`, 409);
      return { ScheduleArn: this.#arnOf(known) };
    }
    this.#schedules.set(scheduleKey(schedule), schedule);
    await this.#options.records.write([recordOf(schedule)]);
    this.#alarm.set();
    return { ScheduleArn: this.#arnOf(schedule) };
  }

  async #remove(schedule: StoredSchedule): Promise<Json> {
    this.#schedules.delete(scheduleKey(schedule));
    await this.#options.records.write([{ key: `schedule/${scheduleKey(schedule)}` }]);
    return {};
  }

  #list(input: Json): Json {
    const after = String(input.NextToken ?? "");
    const limit = Math.min(Number(input.MaxResults ?? PAGE), PAGE);
    const keys = [...this.#schedules.keys()].sort().filter((key) => key > after);
    const fitting = keys
      .map((key) => this.#schedules.get(key) as StoredSchedule)
      .filter(({ group }) => input.ScheduleGroup === undefined || group === input.ScheduleGroup)
      .filter(({ name }) => name.startsWith(String(input.NamePrefix ?? "")))
      .filter(({ definition }) => input.State === undefined || definition.State === input.State);
    const page = fitting.slice(0, limit);
    const last = page.at(-1);
    const Schedules = page.map((schedule) => summaryOf(schedule, this.#arnOf));
    return { Schedules, ...(fitting.length > limit && last && { NextToken: scheduleKey(last) }) };
  }

  async #onGroups(method: string, name: string | undefined, _input: Json): Promise<Json> {
    const { region, accountId } = this.#options.account;
    const show = (group: string) => ({
      Name: group,
      Arn: `arn:aws:scheduler:${region}:${accountId}:schedule-group/${group}`,
      State: "ACTIVE",
    });
    if (method === "GET" && !name) return { ScheduleGroups: [...this.#groups].sort().map(show) };
    if (!name) throw new AwsError("ValidationException", "a schedule group needs a name");
    if (method === "POST") {
      if (this.#groups.has(name))
        throw new AwsError("ConflictException", `Schedule group ${name} already exists.`, 409);
      await this.ensureGroup(name);
      return { ScheduleGroupArn: show(name).Arn };
    }
    if (!this.#groups.has(name)) {
      throw new AwsError("ResourceNotFoundException", `Schedule group ${name} does not exist.`, 404);
    }
    return method === "DELETE" ? this.#removeGroup(name) : show(name);
  }

  /** Makes the group when it is not there, as a template's resource. */
  async ensureGroup(name: string): Promise<void> {
    this.#groups.add(name);
    await this.#options.records.write([{ key: `group/${name}`, value: name }]);
  }

  /** A group goes with all its schedules. */
  async #removeGroup(group: string): Promise<Json> {
    if (group === DEFAULT_GROUP) throw new AwsError("ValidationException", "The default group cannot be deleted.");
    const gone = [...this.#schedules.values()].filter((schedule) => schedule.group === group);
    this.#groups.delete(group);
    for (const schedule of gone) this.#schedules.delete(scheduleKey(schedule));
    const keys = [`group/${group}`, ...gone.map((schedule) => `schedule/${scheduleKey(schedule)}`)];
    await this.#options.records.write(keys.map((key) => ({ key })));
    return {};
  }

  async #fire(): Promise<void> {
    const now = this.#options.clock.now();
    const changes: Change[] = [];
    const firings: Delivery<Invocation>[] = [];
    for (const [key, schedule] of this.#schedules) {
      if (schedule.nextAt === undefined || schedule.nextAt > now) continue;
      const { times, next } = dueTimes(schedule, now);
      const wanted = this.#options.missed === "each" ? times : times.slice(-1);
      firings.push(...wanted.map((at) => this.#firing(schedule, at, now)));
      const { nextAt: _passed, ...rest } = schedule;
      const advanced: StoredSchedule = next === undefined ? rest : { ...rest, nextAt: next };
      const isOver = next === undefined && schedule.definition.ActionAfterCompletion === "DELETE";
      if (isOver) this.#schedules.delete(key);
      else this.#schedules.set(key, advanced);
      changes.push(isOver ? { key: `schedule/${key}` } : recordOf(advanced));
    }
    if (changes.length > 0) {
      await this.#options.records.write([...changes, ...this.#deliveries.changesFor(firings)]);
      this.#deliveries.accept(firings);
    }
    this.#deliveries.run();
  }

  #firing(schedule: StoredSchedule, at: number, now: number): Delivery<Invocation> {
    const { Target } = schedule.definition;
    const { MaximumRetryAttempts, MaximumEventAgeInSeconds } = Target.RetryPolicy ?? {};
    const scheduledAt = isoTime(at).replace(/\.\d+Z$/, "Z");
    const id = randomUUID();
    const context: Record<string, string> = {
      "<aws.scheduler.schedule-arn>": this.#arnOf(schedule),
      "<aws.scheduler.scheduled-time>": scheduledAt,
      "<aws.scheduler.execution-id>": id,
      "<aws.scheduler.attempt-number>": "1",
    };
    const input = (Target.Input ?? "{}").replace(/<aws\.scheduler\.[a-z-]+>/g, (name) => context[name] ?? name);
    const payload: Invocation = {
      schedule: schedule.name,
      group: schedule.group,
      targetArn: Target.Arn,
      input,
      scheduledAt,
      ...(Target.DeadLetterConfig?.Arn && { deadLetterArn: Target.DeadLetterConfig.Arn }),
    };
    const age = MaximumEventAgeInSeconds === undefined ? DEFAULT_AGE_MS : MaximumEventAgeInSeconds * 1000;
    const retries = MaximumRetryAttempts ?? DEFAULT_ATTEMPTS;
    return { id, payload, attempts: 0, dueAt: now, expiresAt: now + age, retries };
  }
}

function recordOf(schedule: StoredSchedule): Change {
  return { key: `schedule/${scheduleKey(schedule)}`, value: schedule };
}

function groupOf(input: Json): string {
  return typeof input.GroupName === "string" && input.GroupName !== "" ? input.GroupName : DEFAULT_GROUP;
}

/** The occurrences up to now, oldest first, and the one after them. */
function dueTimes(schedule: StoredSchedule, now: number): { times: number[]; next: number | undefined } {
  const times: number[] = [];
  let next = schedule.nextAt;
  while (next !== undefined && next <= now) {
    times.push(next);
    if (times.length > MAX_CATCH_UP) times.shift();
    next = nextOf(schedule, next);
  }
  return { times, next };
}
