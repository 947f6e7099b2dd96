/**
 * What a program finds in its fresh context beside the language: a console, timers, base64, `readFile` and `writeFile`. It runs before
 * the user's code and keeps its own references to what it uses, so that tampering with prototypes reaches only the program
 * itself. Answers functions for the host, which are not visible to the program.
 */
export const PRELUDE = `(function (log, keepFile, givenFile) {
  "use strict";
  const { stringify, parse } = JSON;
  const { apply } = Reflect;
  const Text = String, Num = Number, Bytes = Uint8Array, Err = Error, Obj = Object;
  const keys = Object.keys, now = Date.now, isArray = Array.isArray;
  const at = String.prototype.charCodeAt, chr = String.fromCharCode, indexOf = String.prototype.indexOf;
  const define = Object.defineProperty;
  const show = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Err) return Text(value.stack ? value.name + ": " + value.message + "\\n" + value.stack : value);
    if (typeof value === "object" && value !== null) { try { return stringify(value); } catch { return Text(value); } }
    return typeof value === "symbol" ? "Symbol" : Text(value);
  };
  const printer = (stream) => (...values) => {
    let line = "";
    for (let i = 0; i < values.length; i++) line += (i ? " " : "") + show(values[i]);
    log(stream, line + "\\n");
  };
  const out = printer(1), err = printer(2);
  define(globalThis, "console", { value: { log: out, info: out, debug: out, warn: err, error: err, trace: err }, writable: true, configurable: true });

  let timers = [], ids = 0;
  const start = (run, ms, args, every) => {
    if (typeof run !== "function") throw new TypeError("a timer needs a function");
    const due = now() + (Num(ms) > 0 ? Num(ms) : 0);
    timers[timers.length] = { id: ++ids, due, run, args, every };
    return ids;
  };
  const stop = (id) => {
    const left = [];
    for (let i = 0; i < timers.length; i++) if (timers[i].id !== id) left[left.length] = timers[i];
    timers = left;
  };
  globalThis.setTimeout = (run, ms, ...args) => start(run, ms, args, false);
  globalThis.setInterval = (run, ms, ...args) => start(run, ms, args, Num(ms) > 1 ? Num(ms) : 1);
  globalThis.clearTimeout = globalThis.clearInterval = stop;
  const nextTimer = () => {
    let next;
    for (let i = 0; i < timers.length; i++) if (next === undefined || timers[i].due < next.due) next = timers[i];
    return next;
  };

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const encode = (length, byteAt) => {
    let text = "";
    for (let i = 0; i < length; i += 3) {
      const left = length - i, a = byteAt(i), b = left > 1 ? byteAt(i + 1) : 0, c = left > 2 ? byteAt(i + 2) : 0;
      text += ALPHABET[a >> 2] + ALPHABET[((a & 3) << 4) | (b >> 4)];
      text += (left > 1 ? ALPHABET[((b & 15) << 2) | (c >> 6)] : "=") + (left > 2 ? ALPHABET[c & 63] : "=");
    }
    return text;
  };
  globalThis.btoa = (value) => {
    const text = Text(value);
    return encode(text.length, (i) => {
      const code = apply(at, text, [i]);
      if (code > 255) throw new RangeError("btoa takes Latin-1 text only");
      return code;
    });
  };
  const decode = globalThis.atob = (value) => {
    const text = Text(value);
    let result = "", bits = 0, held = 0;
    for (let i = 0; i < text.length; i++) {
      if (text[i] === "=" || text[i] === "\\n" || text[i] === " ") continue;
      const six = apply(indexOf, ALPHABET, [text[i]]);
      if (six < 0) throw new RangeError("not base64");
      bits = (bits << 6) | six; held += 6;
      if (held >= 8) { held -= 8; result += chr((bits >> held) & 255); bits &= (1 << held) - 1; }
    }
    return result;
  };
  const utf8 = (text) => unescape(encodeURIComponent(text));
  globalThis.writeFile = (name, content) => {
    if (content instanceof Bytes) { keepFile(Text(name), encode(content.length, (i) => content[i])); return; }
    const bytes = utf8(typeof content === "string" ? content : stringify(content));
    keepFile(Text(name), encode(bytes.length, (i) => apply(at, bytes, [i])));
  };

  globalThis.readFile = (name, as) => {
    const base64 = givenFile(Text(name));
    if (base64 === undefined) throw new Err("there is no file " + stringify(Text(name)));
    const binary = decode(base64);
    if (as !== "bytes") { try { return decodeURIComponent(escape(binary)); } catch { throw new TypeError("the file is no text: read it as bytes"); } }
    const bytes = new Bytes(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = apply(at, binary, [i]);
    return bytes;
  };

  return {
    take() { const main = globalThis.__weft_main__; delete globalThis.__weft_main__; return main; },
    args(json) {
      const params = parse(json), args = {};
      const names = keys(params);
      for (let i = 0; i < names.length; i++) define(args, names[i], { value: params[names[i]], enumerable: true, writable: true, configurable: true });
      define(args, "params", { value: params, enumerable: true, writable: true, configurable: true });
      return args;
    },
    start(namespace, main, args, finish, fail) {
      const entry = typeof namespace.default === "function" ? namespace.default : typeof namespace.main === "function" ? namespace.main : main;
      const settle = (value) => {
        if (value === undefined) return finish("null");
        let text;
        try { text = stringify(value); } catch (thrown) { return fail(thrown, "invalid_output"); }
        text === undefined ? fail(new TypeError("the value that main returned cannot be written as JSON"), "invalid_output") : finish(text);
      };
      const run = async () => (entry === undefined ? undefined : entry(args));
      run().then(settle, (thrown) => fail(thrown, "code_error"));
    },
    wait() { const next = nextTimer(); return next === undefined ? -1 : next.due - now() > 0 ? next.due - now() : 0; },
    fire() {
      const next = nextTimer();
      if (next === undefined) return;
      if (next.every) next.due = now() + next.every; else stop(next.id);
      apply(next.run, undefined, next.args);
    },
  };
})`;
