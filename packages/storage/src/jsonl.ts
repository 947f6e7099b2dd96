import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, messageOf, notFound } from "@weft/kernel/errors";
import { filesBucket, orMissing, s3 } from "./client.ts";
import { objectKey } from "./object.ts";
import { ObjectWriter } from "./upload.ts";

/** The longest line that is read or written. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;
const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export interface JsonlLine {
  /** From 1, as editors count; empty lines count too. */
  line: number;
  value: unknown;
}

/**
 * The values of a JSONL object of the space, one at a time, in memory never more than one line and one chunk. Empty
 * lines are skipped. Throws `not_found` for a missing object and `unprocessable` naming the line for one that is not
 * JSON, not UTF-8 or over {@link MAX_LINE_BYTES}.
 */
export async function* readJsonl(
  ctx: Ctx,
  key: string,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<JsonlLine, void> {
  const request = { Bucket: filesBucket(), Key: objectKey(ctx, key) };
  const object = await orMissing(() => s3().send(new GetObjectCommand(request)));
  if (!object?.Body) throw notFound("file");
  yield* parseJsonl(object.Body as AsyncIterable<Uint8Array>, maxLineBytes);
}

/** {@link readJsonl} of any source of bytes. */
export async function* parseJsonl(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<JsonlLine, void> {
  let number = 0;
  for await (const line of splitLines(source, maxLineBytes)) {
    number++;
    const value = parseLine(number === 1 ? withoutBom(line) : line, number);
    if (value !== undefined) yield { line: number, value };
  }
}

/**
 * Writes values as a JSONL object of the space, in parts as they come. A failure of the source or of S3 leaves no
 * object. Returns what was written.
 */
export async function writeJsonl(
  ctx: Ctx,
  key: string,
  values: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<{ key: string; lines: number; bytes: number }> {
  const writer = new ObjectWriter(objectKey(ctx, key), "application/x-ndjson");
  let lines = 0;
  try {
    for await (const value of values) {
      lines++;
      await writer.write(toLine(value, lines));
    }
    await writer.close();
  } catch (thrown) {
    await writer.abort();
    throw thrown;
  }
  return { key, lines, bytes: writer.bytes };
}

async function* splitLines(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Buffer, void> {
  let pending: Buffer[] = [];
  let size = 0;
  let done = 0;
  const take = (part: Buffer) => {
    size += part.length;
    if (size > maxBytes) throw lineError(done + 1, `is longer than ${maxBytes} bytes`);
    pending.push(part);
  };
  for await (const bytes of source) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, end));
      yield pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending);
      [pending, size, start] = [[], 0, end + 1];
      done++;
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (size > 0) yield Buffer.concat(pending);
}

function withoutBom(line: Buffer): Buffer {
  return line.subarray(0, 3).equals(UTF8_BOM) ? line.subarray(3) : line;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined for an empty line, which JSON has no value for. */
function parseLine(line: Buffer, number: number): unknown {
  let text: string;
  try {
    text = decoder.decode(line).trim();
  } catch (cause) {
    throw lineError(number, "is not UTF-8", cause);
  }
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw lineError(number, `is not JSON: ${messageOf(cause).slice(0, 200)}`, cause);
  }
}

function toLine(value: unknown, number: number): Buffer {
  const json = JSON.stringify(value);
  if (json === undefined) throw lineError(number, "cannot be written as JSON");
  const line = Buffer.from(`${json}\n`);
  if (line.length - 1 > MAX_LINE_BYTES) throw lineError(number, `is longer than ${MAX_LINE_BYTES} bytes`);
  return line;
}

function lineError(line: number, problem: string, cause?: unknown): AppError {
  const options = { details: { line }, ...(cause === undefined ? {} : { cause }) };
  return new AppError("unprocessable", `line ${line} ${problem}`, options);
}
