import { eventBridgeCron } from "@weft/core/trigger/schedule.cron";
import { parseSchedule } from "@weft/kernel/schedule";
import { describe, expect, it } from "vitest";

/** What people write, and what EventBridge is given. */
const TABLE: readonly [string, string][] = [
  ["* * * * *", "* * * * ? *"],
  ["0 9 * * *", "0 9 * * ? *"],
  ["00 09 * * ?", "0 9 * * ? *"],
  ["  30   2  *  *  *  ", "30 2 * * ? *"],
  ["*/5 * * * *", "0/5 * * * ? *"],
  ["*/1 */2 * * *", "* 0/2 * * ? *"],
  ["10/20 * * * *", "10,30,50 * * * ? *"],
  ["0-30/10 8-17 * * *", "0,10,20,30 8-17 * * ? *"],
  ["5,35 0,12 * * *", "5,35 0,12 * * ? *"],
  ["5,5,4 * * * *", "4,5 * * * ? *"],
  ["0-59 0-23 1-31 1-12 0-6", "* * * * ? *"],
  ["0 0 1 * *", "0 0 1 * ? *"],
  ["0 0 */10 * *", "0 0 1/10 * ? *"],
  ["0 0 1,15 jan,JUL *", "0 0 1,15 1,7 ? *"],
  ["0 0 * MAR-MAY *", "0 0 * 3-5 ? *"],
  ["0 0 * */3 *", "0 0 * 1/3 ? *"],
  // Sunday is 0 and 7 here, and 1 there.
  ["0 9 * * 0", "0 9 ? * SUN *"],
  ["0 9 * * 7", "0 9 ? * SUN *"],
  ["0 9 * * 1", "0 9 ? * MON *"],
  ["0 9 * * 6", "0 9 ? * SAT *"],
  ["0 9 * * 1-5", "0 9 ? * MON,TUE,WED,THU,FRI *"],
  ["0 9 * * mon-fri", "0 9 ? * MON,TUE,WED,THU,FRI *"],
  ["0 9 * * 5-7", "0 9 ? * SUN,FRI,SAT *"],
  ["0 9 * * FRI-SUN", "0 9 ? * SUN,FRI,SAT *"],
  ["0 9 * * 0-2", "0 9 ? * SUN,MON,TUE *"],
  ["0 9 * * */2", "0 9 ? * SUN,TUE,THU,SAT *"],
  ["0 9 * * 1-7/3", "0 9 ? * SUN,MON,THU *"],
  ["0 9 * * 0-7", "0 9 ? * * *"],
  ["0 9 ? * 1,3", "0 9 ? * MON,WED *"],
  ["0 18 L * *", "0 18 L * ? *"],
  ["0 18 lw * *", "0 18 LW * ? *"],
  ["0 18 15W * *", "0 18 15W * ? *"],
  ["0 18 * * 5L", "0 18 ? * 6L *"],
  ["0 18 * * FRIL", "0 18 ? * 6L *"],
  ["0 18 * * 0L", "0 18 ? * 1L *"],
  ["0 18 * * 2#1", "0 18 ? * 3#1 *"],
  ["0 18 * * tue#1", "0 18 ? * 3#1 *"],
  ["0 18 * * 7#5", "0 18 ? * 1#5 *"],
  ["@hourly", "0 * * * ? *"],
  ["@daily", "0 0 * * ? *"],
  ["@midnight", "0 0 * * ? *"],
  ["@Weekly", "0 0 ? * SUN *"],
  ["@monthly", "0 0 1 * ? *"],
  ["@yearly", "0 0 1 1 ? *"],
  ["@annually", "0 0 1 1 ? *"],
];

/** What is refused, with a part of the reason. */
const REFUSED: readonly [string, string][] = [
  ["", "five fields"],
  ["0 9 * *", "five fields"],
  ["0 0 9 * * *", "five fields"],
  ["cron(0 9 * * ? *)", "five fields"],
  ["@reboot", "@hourly"],
  ["@never", "@hourly"],
  ["60 * * * *", "60 is no minute"],
  ["* 24 * * *", "24 is no hour"],
  ["* * 0 * *", "0 is no day of the month"],
  ["* * 32 * *", "32 is no day of the month"],
  ["* * * 13 *", "13 is no month"],
  ["* * * FEBR *", "FEBR is no month"],
  ["* * * * 8", "8 is no day of the week"],
  ["* * * * SUNDAY", "SUNDAY is no day of the week"],
  ["-1 * * * *", "nothing is no minute"],
  ["1, * * * *", "nothing is no minute"],
  ["5-1 * * * *", "runs backwards"],
  ["0 0 * * SAT-MON", "runs backwards"],
  ["*/0 * * * *", "not a step"],
  ["*/60 * * * *", "not a step"],
  ["*/x * * * *", "not a step"],
  ["1/2/3 * * * *", "not a step"],
  ["1-2-3 * * * *", "not a range"],
  ["*-5 * * * *", "* is no minute"],
  ["1.5 * * * *", "1.5 is no minute"],
  // Either day in cron; EventBridge has no expression for it.
  ["0 9 1 * 1", "make two schedules"],
  ["0 9 L * FRI", "make two schedules"],
  ["0 9 */2 * 1-5", "make two schedules"],
  ["0 9 L-3 * *", "stand alone"],
  ["0 9 1,L * *", "stand alone"],
  ["0 9 32W * *", "32 is no day of the month"],
  ["0 9 * * L", "stand alone"],
  ["0 9 * * MON,5L", "stand alone"],
  ["0 9 * * 2#6", "1 to 5"],
  ["0 9 * * 2#0", "1 to 5"],
  ["0 9 * * 8#1", "8 is no day of the week"],
  ["0 9 * * 1#1,2#2", "stand alone"],
];

describe("a cron of five fields", () => {
  it.each(TABLE)("%s is cron(%s)", (text, expected) => {
    const expression = eventBridgeCron(text, "when.expression");
    expect(expression).toBe(`cron(${expected})`);
    expect(parseSchedule(expression).next(Date.UTC(2026, 0, 1), 0)).toBeTypeOf("number");
  });

  it.each(REFUSED)("%j is refused: %s", (text, reason) => {
    const refused = () => eventBridgeCron(text, "when.expression");
    expect(refused).toThrow(/^when\.expression: /);
    expect(refused).toThrow(reason);
  });

  it("is refused where EventBridge's limit on an expression is too short for it", () => {
    const all = (count: number, but: number) =>
      Array.from({ length: count }, (_, n) => n)
        .filter((n) => n !== but)
        .join(",");
    const days = Array.from({ length: 30 }, (_, n) => n + 1).filter((n) => n !== 7);
    expect(() => eventBridgeCron(`${all(60, 30)} ${all(24, 12)} ${days.join(",")} * *`, "f")).toThrow(
      "several schedules",
    );
  });
});
