import { fileIdOf, isFileType } from "@weft/engine/data/files";
import type { FileReference } from "@weft/engine/node";
import type { Field, Plan, ValueType } from "@weft/engine/plan";
import { isRecord, setOwn } from "@weft/engine/values/json";
import type { Ctx } from "@weft/kernel/ctx";
import { type FieldIssue, invalidInput } from "@weft/kernel/errors";
import * as File from "../file/file.service.ts";

/** Files that the input of one run may name. */
const MAX_FILES = 100;

/** A place in the input that names a File. */
interface Place {
  path: string;
  fileId: string;
  /** Puts what the node is to see there. */
  put(file: FileReference): void;
}

/**
 * Where the start node declares a file, the input may name a File of the space by its id, in Coze's ways too. A text
 * becomes the id, which every node that takes files understands; anything else what is known of the file. Addresses stay
 * as they are. Throws `invalid_input` naming the field of a file that is not there or not ready.
 */
export async function resolveFiles(
  ctx: Ctx,
  plan: Plan,
  input: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const places: Place[] = [];
  const resolved = members(input, plan.inputs, "input", places);
  if (places.length === 0) return input;
  if (places.length > MAX_FILES) throw invalidInput([{ path: "input", message: `names more than ${MAX_FILES} files` }]);
  const files = await File.find(
    ctx,
    places.map(({ fileId }) => fileId),
  );
  const issues: FieldIssue[] = [];
  for (const [index, { path, fileId, put }] of places.entries()) {
    const file = files[index];
    if (!file) issues.push({ path, message: `there is no file ${fileId}` });
    else if (file.status !== "ready") issues.push({ path, message: `file ${fileId} is ${file.status}, not ready` });
    else put({ id: fileId, name: file.name, contentType: file.contentType, size: file.size });
  }
  if (issues.length > 0) throw invalidInput(issues);
  return resolved;
}

function members(
  values: Record<string, unknown>,
  fields: readonly Field[],
  path: string,
  places: Place[],
): Record<string, unknown> {
  const result = { ...values };
  for (const { name, type } of fields) {
    if (!Object.hasOwn(values, name)) continue;
    find(values[name], type, `${path}.${name}`, places, (value) => {
      setOwn(result, name, value);
    });
  }
  return result;
}

function find(value: unknown, type: ValueType, path: string, places: Place[], set: (value: unknown) => void): void {
  if (type.type === "list" && type.items && Array.isArray(value)) {
    const items = [...value];
    for (const [index, item] of value.entries()) {
      find(item, type.items, `${path}.${index}`, places, (changed) => {
        items[index] = changed;
      });
    }
    set(items);
  } else if (isFileType(type)) {
    const fileId = fileIdOf(value);
    if (fileId !== undefined)
      places.push({ path, fileId, put: (file) => set(type.type === "string" ? file.id : file) });
  } else if (type.type === "object" && type.fields && isRecord(value)) {
    set(members(value, type.fields, path, places));
  }
}
