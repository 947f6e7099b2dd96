/**
 * Luxon's DateTime as far as code of n8n commonly uses it, in UTC: the program that is put before such code. It is one
 * line, so that the lines of the code keep their numbers.
 */
export const DATES = `
const DateTime = (() => {
  const pad = (n, w = 2) => String(n).padStart(w, "0");
  const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const MS = { millisecond: 1, second: 1000, minute: 60000, hour: 3600000, day: 86400000, week: 604800000 };
  const unit = (name) => String(name).replace(/s$/, "");
  const TOKENS = {
    yyyy: (d) => pad(d.year, 4), yy: (d) => pad(d.year % 100), y: (d) => d.year,
    LLLL: (d) => MONTHS[d.month - 1], MMMM: (d) => MONTHS[d.month - 1], LLL: (d) => MONTHS[d.month - 1].slice(0, 3),
    MMM: (d) => MONTHS[d.month - 1].slice(0, 3), LL: (d) => pad(d.month), MM: (d) => pad(d.month), L: (d) => d.month, M: (d) => d.month,
    dd: (d) => pad(d.day), d: (d) => d.day, EEEE: (d) => DAYS[d.weekday % 7], cccc: (d) => DAYS[d.weekday % 7],
    EEE: (d) => DAYS[d.weekday % 7].slice(0, 3), ccc: (d) => DAYS[d.weekday % 7].slice(0, 3), E: (d) => d.weekday,
    HH: (d) => pad(d.hour), H: (d) => d.hour, hh: (d) => pad(d.hour % 12 || 12), h: (d) => d.hour % 12 || 12,
    mm: (d) => pad(d.minute), m: (d) => d.minute, ss: (d) => pad(d.second), s: (d) => d.second,
    SSS: (d) => pad(d.millisecond, 3), a: (d) => (d.hour < 12 ? "AM" : "PM"), ZZ: () => "+00:00", Z: () => "+0", X: (d) => Math.floor(d.ts / 1000), x: (d) => d.ts,
  };
  class DateTime {
    constructor(ts) { this.ts = ts; }
    static now() { return new DateTime(params.now); }
    static local() { return DateTime.now(); }
    static utc() { return DateTime.now(); }
    static fromISO(text) { return new DateTime(Date.parse(/T.*(Z|[+-]\\d\\d:?\\d\\d)$/.test(text) || !/T/.test(text) ? text : text + "Z")); }
    static fromMillis(ms) { return new DateTime(ms); }
    static fromSeconds(s) { return new DateTime(s * 1000); }
    static fromJSDate(date) { return new DateTime(date.getTime()); }
    get date() { return new Date(this.ts); }
    get isValid() { return Number.isFinite(this.ts); }
    get year() { return this.date.getUTCFullYear(); }
    get month() { return this.date.getUTCMonth() + 1; }
    get day() { return this.date.getUTCDate(); }
    get hour() { return this.date.getUTCHours(); }
    get minute() { return this.date.getUTCMinutes(); }
    get second() { return this.date.getUTCSeconds(); }
    get millisecond() { return this.date.getUTCMilliseconds(); }
    get weekday() { return this.date.getUTCDay() || 7; }
    moved(by, sign) {
      let { ts } = this;
      const given = typeof by === "number" ? { milliseconds: by } : by;
      for (const [name, value] of Object.entries(given)) {
        const months = { month: 1, quarter: 3, year: 12 }[unit(name)];
        if (months) {
          const d = new Date(ts);
          const day = d.getUTCDate();
          d.setUTCDate(1);
          d.setUTCMonth(d.getUTCMonth() + sign * value * months);
          d.setUTCDate(Math.min(day, new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate()));
          ts = d.getTime();
        } else ts += sign * value * (MS[unit(name)] ?? NaN);
      }
      return new DateTime(ts);
    }
    plus(by) { return this.moved(by, 1); }
    minus(by) { return this.moved(by, -1); }
    startOf(name) {
      const u = unit(name);
      if (u === "year") return new DateTime(Date.UTC(this.year, 0, 1));
      if (u === "quarter") return new DateTime(Date.UTC(this.year, 3 * Math.floor((this.month - 1) / 3), 1));
      if (u === "month") return new DateTime(Date.UTC(this.year, this.month - 1, 1));
      if (u === "week") return new DateTime(Math.floor(this.ts / MS.day) * MS.day - (this.weekday - 1) * MS.day);
      return new DateTime(Math.floor(this.ts / MS[u]) * MS[u]);
    }
    endOf(name) { return new DateTime(this.startOf(name).plus({ [unit(name)]: 1 }).ts - 1); }
    set(parts) {
      const now = [this.year, this.month, this.day, this.hour, this.minute, this.second, this.millisecond];
      const names = ["year", "month", "day", "hour", "minute", "second", "millisecond"];
      const [y, m, ...rest] = now.map((value, at) => parts[names[at]] ?? value);
      return new DateTime(Date.UTC(y, m - 1, ...rest));
    }
    diff(other, name = "milliseconds") {
      const ms = this.ts - other.ts;
      return { milliseconds: ms, [name]: ms / (MS[unit(name)] ?? NaN), as: (u) => ms / (MS[unit(u)] ?? NaN), toMillis: () => ms };
    }
    setZone() { return this; }
    toUTC() { return this; }
    toLocal() { return this; }
    toMillis() { return this.ts; }
    toSeconds() { return this.ts / 1000; }
    toUnixInteger() { return Math.floor(this.ts / 1000); }
    toJSDate() { return this.date; }
    toISO() { return this.date.toISOString(); }
    toISODate() { return this.toISO().slice(0, 10); }
    toISOTime() { return this.toISO().slice(11); }
    toFormat(format) { return format.replace(/'([^']*)'|([a-zA-Z])\\2*/g, (all, quoted) => quoted ?? (TOKENS[all] ? String(TOKENS[all](this)) : all)); }
    format(format) { return this.toFormat(format); }
    valueOf() { return this.ts; }
    toJSON() { return this.toISO(); }
    toString() { return this.toISO(); }
  }
  return DateTime;
})();
const $now = DateTime.now(); const $today = $now.startOf("day");`.replace(/\n\s*/g, " ");
