import { createHash } from "node:crypto";
import type { Id } from "@weft/kernel/ids";
import type { APIGatewayProxyEvent, StreamifyHandler } from "aws-lambda";
import { handler } from "../../functions/file/index.ts";
import { type CallResponse, callApi } from "./call.ts";
import { startFiles } from "./objects.ts";
import { makePerson, makeSpace, type Person } from "./people.ts";
import { startTable } from "./table.ts";

/** The smallest picture that is one. */
export const PNG = Uint8Array.from(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
);
export const PDF = Uint8Array.from(
  Buffer.from("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n", "latin1"),
);

export const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

export function formOf(content: string | Uint8Array, name: string, type = "", rest: [string, string][] = []): FormData {
  const form = new FormData();
  form.append("file", new Blob([content as Uint8Array<ArrayBuffer>], { type }), name);
  for (const [field, value] of rest) form.append(field, value);
  return form;
}

/** Sends a form as a browser does. */
export async function sendForm(
  to: StreamifyHandler<APIGatewayProxyEvent, void>,
  path: string,
  form: FormData,
  person: Person,
  headers: Record<string, string> = {},
): Promise<CallResponse> {
  const encoded = new Response(form);
  const body = new Uint8Array(await encoded.arrayBuffer());
  const type = { "content-type": encoded.headers.get("content-type") ?? "" };
  return callApi(to, { method: "POST", path, body, headers: { ...type, ...headers }, authorizer: person.authorizer });
}

interface SignedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
}

/** Sends a signed request as it is; its length is that of the body. */
export function sendSigned({ method, url, headers }: SignedRequest, body: string): Promise<Response> {
  const { "content-length": _length, ...rest } = headers;
  return fetch(url, { method, headers: rest, body });
}

/** The real API of files over a table and a bucket of this test file alone, with one person and their space. */
export async function startFileApi() {
  const [table, objects] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  const spaceId: Id<"space"> = await makeSpace([{ person: ann, role: "member" }]);
  const call = (method: string, path: string, body?: unknown, person: Person = ann, space: string = spaceId) =>
    callApi(handler, {
      method,
      path: `/api/spaces/${space}/files${path}`,
      ...(body === undefined ? {} : { body }),
      authorizer: person.authorizer,
    });
  return {
    ann,
    spaceId,
    call,
    upload: (form: FormData, space: string = spaceId) => sendForm(handler, `/api/spaces/${space}/files`, form, ann),
    announce: async (input: object) =>
      (await call("POST", "/uploads", { name: "a.txt", contentType: "text/plain", size: 5, ...input })).json,
    keyOf: (id: string) => `spaces/${spaceId}/files/${id}`,
    close: async () => {
      await Promise.all([table.close(), objects.close()]);
    },
  };
}
export type FileApi = Awaited<ReturnType<typeof startFileApi>>;
