import { Busboy } from "@fastify/busboy";
import { AppError, invalidField } from "@weft/kernel/errors";
import * as z from "zod";

export const MULTIPART = "multipart/form-data";

/** Names and files of one form; the body's own bound keeps each small. */
const MAX_PARTS = 100;

/**
 * A file that came in a form. Only the parser makes one, so nothing that a JSON body says can pass for a file. What is
 * in it is kept from logs and audit rows, which copy enumerable members.
 */
export class FormFile {
  /** As the sender wrote it: any text, with or without a path. */
  readonly name: string;
  /** As the sender declared it; empty where it did not. */
  readonly contentType: string;
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(name: string, contentType: string, bytes: Uint8Array) {
    this.name = name;
    this.contentType = contentType;
    this.size = bytes.byteLength;
    this.#bytes = bytes;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** A file of a form, in a route's `body`. */
export const formFile = z
  .instanceof(FormFile, { error: "must be a file of the form" })
  .meta({ override: { type: "string", format: "binary" } });

type Fields = Record<string, (string | FormFile)[] | undefined>;

/** The fields of a form and their values, in order. Throws `invalid_input` for what is no form and `too_large`. */
export async function readForm(bytes: Uint8Array, contentType: string): Promise<Fields> {
  const fields: Fields = Object.create(null);
  const add = (name: string | undefined, value: string | FormFile): void => {
    if (name === undefined) throw new Error("a part without a name");
    fields[name] = [...(fields[name] ?? []), value];
  };
  try {
    await parse(bytes, contentType, add);
  } catch (thrown) {
    throw thrown instanceof AppError ? thrown : invalidField("body", "malformed multipart/form-data");
  }
  return fields;
}

function parse(
  bytes: Uint8Array,
  contentType: string,
  add: (name: string | undefined, value: string | FormFile) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (thrown) {
        reject(thrown);
      }
    };
    const form = new Busboy({
      headers: { "content-type": contentType },
      // The whole body is in memory already, and bounded; a value that was cut would be another one.
      limits: { parts: MAX_PARTS, fieldSize: Number.POSITIVE_INFINITY },
      preservePath: true,
    });
    form.on("field", (name, value) => attempt(() => add(name ?? undefined, value)));
    form.on("file", (name, stream, fileName, _encoding, mimeType) => {
      const chunks: Buffer[] = [];
      stream.on("error", reject);
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const content = Buffer.concat(chunks);
        // A form that was sent without choosing a file holds one without name and content.
        if (content.length === 0 && !fileName) return;
        attempt(() => add(name ?? undefined, new FormFile(fileName ?? "", mimeType, content)));
      });
    });
    form.on("partsLimit", () => reject(new AppError("too_large", `a form has at most ${MAX_PARTS} parts`)));
    form.on("error", reject);
    form.on("finish", () => resolve());
    form.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  });
}
